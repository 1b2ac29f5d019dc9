"""The public names of polyxtal, each with its module; read at run time by lazy_loader."""

from .algebra.convergence import ConvergenceError as ConvergenceError
from .crystal.catalog import MaterialEntry as MaterialEntry
from .crystal.catalog import materials as materials
from .crystal.elasticity import CubicElasticity as CubicElasticity
from .crystal.elasticity import Elasticity as Elasticity
from .crystal.lattice import Lattice as Lattice
from .crystal.load_material import load_material as load_material
from .crystal.load_material import load_materials as load_materials
from .crystal.material import Material as Material
from .crystal.plasticity.phenopowerlaw.parameters import (
    PhenoPowerlaw as PhenoPowerlaw,
)
from .crystal.plasticity.phenopowerlaw.parameters import (
    Twinning as Twinning,
)
from .crystal.plasticity.voce_kinematic.parameters import VoceKinematic as VoceKinematic
from .dataset.datamodule import PolycrystalDataModule as PolycrystalDataModule
from .dataset.generate import generate as generate
from .dataset.loader import PolycrystalDataset as PolycrystalDataset
from .dataset.recipe import Recipe as Recipe
from .dataset.recipe import read_recipe as read_recipe
from .dataset.store import PolycrystalStore as PolycrystalStore
from .dataset.store import open_dataset as open_dataset
from .dataset.stream import EndlessPolycrystals as EndlessPolycrystals
from .dataset.stream import PolycrystalStream as PolycrystalStream
from .mechanics.bounds.averages import (
    hill_average as hill_average,
)
from .mechanics.bounds.averages import (
    reuss_average as reuss_average,
)
from .mechanics.bounds.averages import (
    voigt_average as voigt_average,
)
from .mechanics.bounds.moduli import (
    EngineeringConstants as EngineeringConstants,
)
from .mechanics.bounds.moduli import (
    engineering_constants as engineering_constants,
)
from .mechanics.elastic.homogenize import (
    ElasticHomogenization as ElasticHomogenization,
)
from .mechanics.elastic.homogenize import (
    homogenize as homogenize,
)
from .mechanics.fullfield.history import (
    FullFieldResponse as FullFieldResponse,
)
from .mechanics.fullfield.history import (
    LocalFields as LocalFields,
)
from .mechanics.fullfield.simulate import simulate as simulate
from .mechanics.loading.path import LoadPath as LoadPath
from .mechanics.loading.step import LoadStep as LoadStep
from .mechanics.mean_field.sachs import sachs_response as sachs_response
from .mechanics.mean_field.self_consistent import self_consistent_average as self_consistent_average
from .mechanics.mean_field.taylor import taylor_response as taylor_response
from .mechanics.response import Response as Response
from .mechanics.response import StressError as StressError
from .mechanics.response import compare as compare
from .microstructure.ebsd import EbsdMap as EbsdMap
from .microstructure.equivalent import (
    compare_sections as compare_sections,
)
from .microstructure.equivalent import (
    equivalent_rve as equivalent_rve,
)
from .microstructure.io import read as read
from .microstructure.io import read_ebsd as read_ebsd
from .microstructure.io import write as write
from .microstructure.polycrystal import Polycrystal as Polycrystal
from .microstructure.tessellate import tessellate as tessellate
from .model.foundation import FoundationModel as FoundationModel
from .model.foundation import load_model as load_model
from .network.fit import (
    CurveTarget as CurveTarget,
)
from .network.fit import (
    NetworkFit as NetworkFit,
)
from .network.fit import (
    StiffnessTarget as StiffnessTarget,
)
from .network.fit import (
    fit_network as fit_network,
)
from .network.tree import MaterialNetwork as MaterialNetwork
from .network.tree import NetworkEnsemble as NetworkEnsemble
from .texture.components import (
    FibreTexture as FibreTexture,
)
from .texture.components import (
    UnimodalTexture as UnimodalTexture,
)
from .texture.components import (
    miller_orientation as miller_orientation,
)
from .texture.components import (
    texture_type as texture_type,
)
from .texture.distribution import (
    DiscreteTexture as DiscreteTexture,
)
from .texture.distribution import (
    MixedTexture as MixedTexture,
)
from .texture.distribution import (
    UniformTexture as UniformTexture,
)
from .texture.hull import sample_texture_hull as sample_texture_hull
from .texture.odf import odf_distance as odf_distance
from .texture.odf import texture_index as texture_index
from .texture.sheet import basal_texture as basal_texture
from .texture.sheet import rolling_component as rolling_component
from .texture.sheet import rolling_texture as rolling_texture
from .texture.zone import orientation_grid as orientation_grid
from .viz import plot as plot

__version__: str
