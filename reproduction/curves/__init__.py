"""Networks in crystal plasticity against full fields."""
