"""Tenants, the people in them, what they may do, and what proves who they are."""

from services.tenants.actor import PERMISSIONS, Actor, Permission, require, system_actor
from services.tenants.api_keys import authenticate_api_key, create_api_key
from services.tenants.cookie import read_session_token, session_cookie_name
from services.tenants.ending import TenantContents, TenantDeleted, delete_tenant, finish_deletion, preview_deletion
from services.tenants.limits import SignInLimiter
from services.tenants.service import get_tenant, rename_tenant
from services.tenants.sessions import (
    find_actor_by_session,
    is_setup_link_usable,
    is_sign_in_link_usable,
    sign_in,
    sign_in_with_link,
    sign_out,
)
from services.tenants.setup import bootstrap, create_setup_link, create_sign_in_link, is_set_up, redeem_setup
from services.tenants.time_zones import get_time_zone, list_time_zones, read_time_zone, set_time_zone
from services.tenants.views import BootstrapResult, NewApiKey, SetupForm, SignedIn, TenantView

__all__ = [
    "PERMISSIONS",
    "Actor",
    "BootstrapResult",
    "NewApiKey",
    "Permission",
    "SetupForm",
    "SignInLimiter",
    "SignedIn",
    "TenantContents",
    "TenantDeleted",
    "TenantView",
    "authenticate_api_key",
    "bootstrap",
    "create_api_key",
    "create_setup_link",
    "create_sign_in_link",
    "delete_tenant",
    "find_actor_by_session",
    "finish_deletion",
    "get_tenant",
    "get_time_zone",
    "is_set_up",
    "is_setup_link_usable",
    "is_sign_in_link_usable",
    "list_time_zones",
    "preview_deletion",
    "read_session_token",
    "read_time_zone",
    "redeem_setup",
    "rename_tenant",
    "require",
    "session_cookie_name",
    "set_time_zone",
    "sign_in",
    "sign_in_with_link",
    "sign_out",
    "system_actor",
]
