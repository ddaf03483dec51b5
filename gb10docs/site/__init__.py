"""What a reader sees besides the pages' own text: evidence, reference, twins, notebooks. It runs no step of a page."""
