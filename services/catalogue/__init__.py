"""The catalogue: which services a tenant can connect, what they can do, and how good they are."""

from services.catalogue.service import list_catalogue
from services.catalogue.views import CatalogueEntry, CatalogueView, CategoryView, RuleView

__all__ = ["CatalogueEntry", "CatalogueView", "CategoryView", "RuleView", "list_catalogue"]
