"""Typed builders of test data; each domain has a module of its own."""

from tests.make.tenancy import account, industry_sector, member, sector, site, unique, user

__all__ = ["account", "industry_sector", "member", "sector", "site", "unique", "user"]
