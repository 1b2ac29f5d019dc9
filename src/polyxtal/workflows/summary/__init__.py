"""Key numbers, tables and figure panels shared by workflows."""
