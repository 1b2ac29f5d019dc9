"""The property head: numbers of one's own data from [CLS]."""
