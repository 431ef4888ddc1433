"""Every route of the OpenAPI document, fed with what its schema allows and with any bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok

from tests.reference_server.running import Running

EXAMPLES = 12


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for the whole module, with the town enrolled."""
    running = Running(tmp_path_factory.mktemp("routes") / "store")
    running.enrol()
    yield running
    assert running.stop() == 0


def test_no_input_to_any_route_is_ever_answered_500(server: Running) -> None:
    document = server.operator.get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    operations = [made.ok() for made in schema.get_all_operations() if isinstance(made, Ok)]
    assert len(operations) > 20
    for operation in operations:

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(), body=st.binary(max_size=300))
        def ask(case: schemathesis.Case[Any], body: bytes) -> None:
            answer = server.operator.request(
                case.method, case.formatted_path, params=case.query or None, content=body
            )
            assert answer.status_code < 500, (case.method, case.formatted_path, answer.text)
            if answer.status_code >= 400:
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["status"] == answer.status_code

        ask()
    assert server.booked()["pipeline"]["running"] is True
