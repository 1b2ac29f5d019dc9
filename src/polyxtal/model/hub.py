"""Models on the Hugging Face hub, by way of huggingface_hub's `ModelHubMixin`; an optional extra.

The library is imported when a model is uploaded or downloaded, not before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType, new_class
from typing import Any

from polyxtal.files.wording import shorten

CARD_TEXT = """---
{{ card_data }}
---

# {{ model_id }}

{{ summary }}

```python
import polyxtal as px

model = px.load_model("{{ model_id }}")
latent = model.encode(rve)    # {{ width }} numbers; any grid
```

{{ training }}
"""


def _library() -> ModuleType:
    """Import huggingface_hub.

    Raises:
        ModuleNotFoundError: if it is not installed.
    """
    try:
        import huggingface_hub
    except ImportError as error:
        raise ModuleNotFoundError(
            "Models on the Hugging Face hub need huggingface_hub, but it is not installed: "
            "pip install 'polyxtal[hub]'."
        ) from error
    return huggingface_hub


def download(name: str, files: Sequence[str], options: Mapping[str, Any]) -> Path:
    """Download a model's files, or find them in the cache; return their folder.

    Args:
        name: Id 'owner/name'.
        files: Patterns of the files to download.
        options: Those of `ModelHubMixin.from_pretrained`: `revision`, `token`, `cache_dir`,
            `force_download`, `local_files_only`.
    Raises:
        FileNotFoundError: if there is no such model, or the hub cannot be reached.
        ModuleNotFoundError: if huggingface_hub is not installed.
    """
    library = _library()
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(library.snapshot_download(name, allow_patterns=[*files], **options))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise FileNotFoundError(
            f"{name}: must be a model on the hub that can be reached, but: {reason}"
        ) from error


def upload(
    repo: str,
    write: Callable[[Path], None],
    card: Mapping[str, str],
    options: Mapping[str, Any],
) -> str:
    """Upload a model as one commit; return its address.

    Args:
        repo: Id 'owner/name'.
        write: Writes the model to a folder.
        card: Fields of the card, which is written unless `write` writes one.
        options: Those of `ModelHubMixin.push_to_hub`: `private`, `commit_message`, `branch`, ...
    Raises:
        OSError: if the hub cannot be reached or refuses.
        ModuleNotFoundError: if huggingface_hub is not installed.
    """
    bases = (_library().ModelHubMixin,)
    keywords = {
        "library_name": "polyxtal",
        "tags": ["polycrystal", "materials science"],
        "model_card_template": CARD_TEXT,
    }

    def save(self: Any, save_directory: Path) -> None:
        write(save_directory)

    uploaded: Any = new_class(
        "Uploaded", bases, keywords, lambda body: body.update(_save_pretrained=save)
    )
    try:
        return str(uploaded().push_to_hub(repo, model_card_kwargs=dict(card), **options))
    except OSError as error:  # also those of HTTP and of a missing token
        reason = str(error).splitlines()[0]
        raise OSError(
            f"{shorten(repo)}: must be a repository on the hub that can be reached and written to "
            f"(`hf auth login`), but: {reason}"
        ) from error
