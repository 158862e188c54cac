"""How separable the convolutions of a network are, and networks made of the separated ones."""
