"""How versions are told apart, and how a list of them looks."""

import pytest

from workbench.versions import VersionList, VersionStatus, mark_live

FAILED = VersionStatus(3, "END", "cannot read <saved_model.pb>", on_disk=True)


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (VersionStatus(1, "AVAILABLE"), "available"),
        (VersionStatus(1, "LOADING"), "loading"),
        (VersionStatus(1, "END"), "unloaded"),
        (VersionStatus(1, "UNKNOWN"), "on disk"),
        (FAILED, "failed"),
    ],
)
def test_a_state_is_one_word(status, word):
    assert status.word == word


def test_the_highest_available_version_is_the_live_one():
    statuses = mark_live([VersionStatus(1, "AVAILABLE"), FAILED, VersionStatus(2, "AVAILABLE")])
    assert [(status.version, status.live) for status in statuses] == [(3, False), (2, True), (1, False)]


def test_versions_are_shown_as_a_table():
    statuses = mark_live(
        [VersionStatus(1, "AVAILABLE", on_disk=True), VersionStatus(2, "END", on_disk=False)]
    )
    assert repr(statuses).splitlines() == [
        "VERSION  STATE      LIVE  ON DISK",
        "2        unloaded         no",
        "1        available  yes   yes",
    ]
    assert '<th scope="row">1</th><td>available</td><td>yes</td><td>yes</td>' in statuses._repr_html_()


def test_errors_have_a_column_when_there_are_some():
    statuses = mark_live([FAILED])
    assert repr(statuses).splitlines()[1].endswith("cannot read <saved_model.pb>")
    assert "<td>cannot read &lt;saved_model.pb&gt;</td>" in statuses._repr_html_()


def test_no_versions_are_told_in_words():
    assert repr(VersionList()) == "No version is on disk or known to the server."
    assert VersionList()._repr_html_() == repr(VersionList())
