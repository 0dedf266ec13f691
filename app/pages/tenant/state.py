"""The company's name, and its end: counted first, confirmed by its name, and then everybody is signed out."""

import json

import reflex as rx

from app import routes
from app.pages.tenant.view import deletion_effects
from app.session.form import StoredForm
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.state import SessionState, Steps, complain
from services.kernel.errors import InvalidInput, PatchbayError
from services.tenants import Permission, delete_tenant, get_tenant, preview_deletion, rename_tenant


class TenantState(StoredForm, rx.State):
    """The company as last loaded or saved."""

    name: str = ""
    created_at: str = ""
    may_edit: bool = False
    effects: rx.Field[list[str]] = rx.field(default_factory=list)
    phase: str = "loading"
    trouble: str = ""
    is_deleting: bool = False
    """Whether the dialog that asks is open."""
    is_busy: bool = False

    @rx.event
    @guarded(Permission.AGENTS_VIEW)
    async def load(self) -> None:
        """Read the company."""
        self.is_busy = False
        if await self._is_new_visit():
            self.is_deleting, self.wrong_field, self.wrong_text = False, "", ""
        actor = current_actor()
        try:
            tenant = await in_thread(get_tenant, get_kernel(), actor=actor)
        except PatchbayError as error:
            self.phase, self.trouble = "failed", error.message
            return
        self.name, self.created_at = tenant.name, tenant.created_at.isoformat()
        self.may_edit = actor.may(Permission.MEMBERS_EDIT)
        self._draw(self.name)
        self.phase = "ready"

    @rx.event
    @guarded(Permission.MEMBERS_EDIT)
    async def rename(self, form: dict[str, str]) -> Steps:
        """Call the company by another name."""
        self.is_busy, self.wrong_field, self.wrong_text = True, "", ""
        yield
        try:
            name = str(form.get("tenant_name", ""))
            tenant = await in_thread(rename_tenant, get_kernel(), actor=current_actor(), name=name)
        except InvalidInput as error:
            self.wrong_field, self.wrong_text = error.field, error.message
        except PatchbayError as error:
            yield complain(error)
        else:
            self.name = tenant.name
            self.revision += 1
            yield SessionState.load()
            yield rx.toast.success("Saved.")
        finally:
            self.is_busy = False

    @rx.event
    @guarded(Permission.MEMBERS_EDIT)
    async def ask_delete(self) -> rx.event.EventSpec | None:
        """Ask before the company is deleted, with the counted consequences."""
        try:
            contents = await in_thread(preview_deletion, get_kernel(), actor=current_actor())
        except PatchbayError as error:
            return complain(error)
        await self._note_visit()
        self.wrong_field = self.wrong_text = ""
        self.effects, self.is_deleting = list(deletion_effects(contents)), True
        return None

    @rx.event
    @guarded(Permission.AGENTS_VIEW)
    async def close(self) -> None:
        """Put the question away."""
        self.is_deleting, self.wrong_field, self.wrong_text = False, "", ""

    @rx.event
    @guarded(Permission.MEMBERS_EDIT)
    async def delete(self, form: dict[str, str]) -> Steps:
        """Delete the company for good, and leave for the sign-in page, which says so."""
        self.is_busy, self.wrong_field, self.wrong_text = True, "", ""
        yield
        try:
            typed = str(form.get("confirm_name", ""))
            done = await in_thread(delete_tenant, get_kernel(), actor=current_actor(), confirm_name=typed)
        except InvalidInput as error:
            self.wrong_field, self.wrong_text = error.field, error.message
        except PatchbayError as error:
            yield complain(error)
        else:
            # A full page load: nothing of the company may stay in the tab.
            target = json.dumps(routes.login_after_deletion(left=len(done.not_revoked)))
            yield rx.call_script(f"sessionStorage.removeItem('token'); window.location.assign({target})")
        finally:
            self.is_busy = False
