"""Addresses of the office's pages."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from allauth.socialaccount import views as social
from allauth.socialaccount.providers.openid_connect import views as oidc
from django.urls import path

from banfa.office.desk import (
    account_pages,
    act_views,
    bulk,
    chart_pages,
    design_page,
    dossier_pages,
    errors,
    figure_pages,
    figure_tables,
    hurry,
    import_pages,
    job_pages,
    joint_pages,
    language,
    list_pages,
    notice_pages,
    people_pages,
    queue_pages,
    record_pages,
    report_pages,
    review_pages,
    round_pages,
    search_page,
    sign_in,
    views,
    workbench,
)

# Only those of allauth's pages that are used here, each with a template of the desk's.
ACCOUNT = [
    path("account/", account_pages.account, name="account"),
    path("account/sessions/", account_pages.sessions, name="sessions"),
    path("account/delegations/", account_pages.delegations, name="delegations"),
    path("account/invitations/<str:secret>/", account_pages.invitation, name="invitation"),
    path("account/demo/", account_pages.demo_sign_in, name="demo_sign_in"),
    path("account/login/", sign_in.login, name="account_login"),
    path("account/logout/", account.logout, name="account_logout"),
    path("account/inactive/", account.account_inactive, name="account_inactive"),
    path("account/confirm/", account.reauthenticate, name="account_reauthenticate"),
    path("account/password/", account.password_change, name="account_change_password"),
    path("account/signup/", errors.not_found, name="account_signup"),
    path("account/password/set/", errors.not_found, name="account_set_password"),
    path("account/second/", mfa.index, name="mfa_index"),
    path("account/second/login/", mfa.authenticate, name="mfa_authenticate"),
    path("account/second/confirm/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("account/second/app/", totp.activate_totp, name="mfa_activate_totp"),
    path("account/second/app/remove/", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path("account/second/codes/", recovery.view_recovery_codes, name="mfa_view_recovery_codes"),
    path(
        "account/second/codes/new/",
        recovery.generate_recovery_codes,
        name="mfa_generate_recovery_codes",
    ),
    path(
        "account/second/codes/file/",
        recovery.download_recovery_codes,
        name="mfa_download_recovery_codes",
    ),
    path("account/second/keys/", webauthn.list_webauthn, name="mfa_list_webauthn"),
    path("account/second/keys/add/", webauthn.add_webauthn, name="mfa_add_webauthn"),
    path(
        "account/second/keys/confirm/",
        webauthn.reauthenticate_webauthn,
        name="mfa_reauthenticate_webauthn",
    ),
    path("account/second/keys/login/", webauthn.login_webauthn, name="mfa_login_webauthn"),
    path(
        "account/second/keys/<int:pk>/remove/", webauthn.remove_webauthn, name="mfa_remove_webauthn"
    ),
    path("account/second/keys/<int:pk>/", webauthn.edit_webauthn, name="mfa_edit_webauthn"),
    path(
        "account/oidc/<str:provider_id>/login/",
        errors.on_file(oidc.login),
        name="openid_connect_login",
    ),
    path(
        "account/oidc/<str:provider_id>/login/callback/",
        errors.on_file(oidc.callback),
        name="openid_connect_callback",
    ),
    path("account/connections/", social.connections, name="socialaccount_connections"),
    path("account/oidc/failed/", social.login_error, name="socialaccount_login_error"),
    path("account/oidc/cancelled/", social.login_cancelled, name="socialaccount_login_cancelled"),
    path("account/oidc/unknown/", social.signup, name="socialaccount_signup"),
]
PEOPLE = [
    path("people/", people_pages.people, name="people"),
    path(
        "people/organisations/<str:organisation>/",
        people_pages.organisation_people,
        name="organisation_people",
    ),
    path("people/organisations/", people_pages.organisations, name="organisations"),
    path("people/accounts/", people_pages.accounts, name="accounts"),
    path("people/approvals/", people_pages.approvals, name="approvals"),
    path("people/rights/", people_pages.rights_page, name="rights"),
    path("people/rights/file.<str:format>", people_pages.rights_export, name="rights_export"),
    path("people/audit/", people_pages.audit_page, name="audit"),
    path("people/audit/file.<str:format>", people_pages.audit_export, name="audit_export"),
]

urlpatterns = [
    *ACCOUNT,
    *PEOPLE,
    *dossier_pages.urls,
    *notice_pages.urls,
    *job_pages.urls,
    *review_pages.urls,
    *round_pages.urls,
    *workbench.urls,
    *queue_pages.urls,
    *joint_pages.urls,
    *record_pages.urls,
    *report_pages.urls,
    *figure_tables.urls,
    *figure_pages.urls,
    path("language", language.switch, name="language"),
    path("programmes/", views.programmes, name="programmes"),
    path("compare/", views.compare, name="compare"),
    *import_pages.urls,
    path("programmes/<slug:programme>/", views.latest_edition, name="latest_edition"),
    path(
        "programmes/<slug:programme>/acts/<slug:kind>/",
        act_views.programme_act,
        name="programme_act",
    ),
    path(
        "programmes/<slug:programme>/record/<int:seq>/",
        views.programme_entry,
        name="programme_entry",
    ),
    path("programmes/<slug:programme>/<str:edition>/", views.programme, name="programme"),
    *list_pages.urls,
    *chart_pages.urls,
    *design_page.urls,
    path("centres/bulk/", bulk.bulk, name="bulk"),
    path("centres/bulk/<int:number>/", bulk.receipt, name="bulk_receipt"),
    path("due/hurry/", hurry.hurry, name="hurry"),
    path("search/", search_page.search_page, name="search"),
    path("centres/<str:centre>/", views.centre, name="centre"),
    path("centres/<str:centre>/acts/<slug:kind>/", act_views.centre_act, name="centre_act"),
    path("centres/<str:centre>/record/<int:seq>/", views.centre_entry, name="centre_entry"),
]

handler400 = "banfa.office.desk.errors.bad_request"
handler403 = "banfa.office.desk.errors.forbidden"
handler404 = "banfa.office.desk.errors.not_found"
handler500 = "banfa.office.desk.errors.broken"
