"""Published and bundled settings as functions that return a full configuration; one file a system."""

from longwave.recipes.books import books_twins, quickstart_twins
from longwave.recipes.hyena import hyena_pile
from longwave.recipes.loading import load_recipe

__all__ = ["books_twins", "hyena_pile", "load_recipe", "quickstart_twins"]
