"""The paper's network head: all parameters of a material network from [CLS]."""
