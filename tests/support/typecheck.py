"""The type checker that `conftest.py` puts in front of public functions; ints pass as floats."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
