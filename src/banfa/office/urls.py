"""Addresses of the office's pages."""

from django.urls import path

from banfa.office.desk import act_views, language, views

urlpatterns = [
    path("", views.home, name="home"),
    path("language", language.switch, name="language"),
    path("programmes/", views.programmes, name="programmes"),
    path("compare/", views.compare, name="compare"),
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
    path("centres/<str:centre>/", views.centre, name="centre"),
    path("centres/<str:centre>/acts/<slug:kind>/", act_views.centre_act, name="centre_act"),
    path("centres/<str:centre>/record/<int:seq>/", views.centre_entry, name="centre_entry"),
]

handler400 = "banfa.office.desk.errors.bad_request"
handler403 = "banfa.office.desk.errors.forbidden"
handler404 = "banfa.office.desk.errors.not_found"
handler500 = "banfa.office.desk.errors.broken"
