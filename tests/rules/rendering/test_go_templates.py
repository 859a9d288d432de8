"""Texts in Go's template language are named one by one, each with what comes nearest in Jinja."""

from __future__ import annotations

import pytest

from rules.importing.alertmanager import convert
from rules.rendering.go_templates import translate_to_jinja


@pytest.mark.parametrize(
    ("go", "jinja"),
    [
        ("{{ .CommonLabels.alertname }}!", "{{ data.labels.alertname | default('') }}!"),
        ("{{- .Annotations.summary | toUpper -}}", "{{ data.annotations.summary | default('') | upper }}"),
        ("[{{ .Status | toUpper }}]", "[{{ data.status | upper }}]"),
        ('{{ template "x" . }}', '{# template "x" . #}'),
        ("{{ range .Alerts }}a{{ end }}", "{# range .Alerts #}a{# end #}"),
        ("plain", "plain"),
    ],
)
def test_fields_become_jinja_and_the_rest_a_comment(go: str, jinja: str) -> None:
    assert translate_to_jinja(go) == jinja


def test_each_text_is_named_at_its_place() -> None:
    converted = convert("""
    route: {receiver: a}
    receivers:
      - name: a
        slack_configs:
          - {api_url: "https://h.example.org", title: "{{ .Status }}", text: "{{ .CommonLabels.job }}"}
    """)
    said = {one.path.rpartition(".")[2]: one.text for one in converted.remarks}
    assert "{{ data.status }}" in said["title"]
    assert "data.labels.job" in said["text"]
