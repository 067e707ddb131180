"""Bridged tools: Inspect tools that run on the host, where the agent can neither see nor change their data.

    inspect eval evals/bridged_tools.py
    inspect eval evals/bridged_tools.py -T agent=qwen_code --model openrouter/qwen/qwen3-coder

Without `--model` a script answers the agent's model calls, so it costs nothing.
"""

import re

from inspect_ai import Task, task
from inspect_ai.agent import BridgedToolsSpec
from inspect_ai.dataset import Sample
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import TaskState
from inspect_ai.tool import Tool, ToolError, tool
from inspect_ai.util import store

from inspect_swe.testing import ScriptedRequest, Step, call, register_script, say
from swe_evals import agent_named, container_with, default_model

CENTS = {"apple": 30, "pear": 40, "quince": 75}
ORDERS = "orders"


@tool
def price() -> Tool:
    async def execute(article: str) -> str:
        """Look up what an article costs.

        Args:
            article: Name of the article, such as apple.
        """
        if article not in CENTS:
            raise ToolError(f"There is no article {article!r}. There are: {', '.join(CENTS)}.")
        return f"{CENTS[article]} cents"

    return execute


@tool
def order() -> Tool:
    async def execute(article: str, count: int) -> str:
        """Order an article.

        Args:
            article: Name of the article.
            count: How many pieces.
        """
        store().set(ORDERS, [*store().get(ORDERS, []), [article, count]])
        return f"Ordered: {count} of {article}."

    return execute


def as_many_as_possible(request: ScriptedRequest) -> Step:
    """The scripted agent reckons with the price that the tool has returned."""
    price = re.search(r"(\d+) cents", request.messages[-1].text)
    return call("shop/order", article="pear", count=200 // int(price[1]) if price else 0)


register_script("bridged_tools", [call("shop/price", article="pear"), as_many_as_possible, say("I ordered the pears.")])


@task
def bridged_tools(agent: str = "claude_code") -> Task:
    """Buy something in a shop on the host.

    Args:
        agent: Any agent of this package but mini_swe_agent.
    """
    shop = BridgedToolsSpec(name="shop", tools=[price(), order()])
    return Task(
        dataset=[
            Sample(
                input="Look up what a pear costs in the shop, and order as many pears as 2 euros buy.",
                metadata={"orders": [["pear", 5]]},
            )
        ],
        solver=agent_named(agent, bridged_tools=[shop]),
        scorer=ordered(),
        sandbox=container_with(agent),
        model=default_model("bridged_tools"),
    )


@scorer(metrics=[accuracy()])
def ordered() -> Scorer:
    """Correct if the shop has had these orders, and no others."""

    async def score(state: TaskState, target: Target) -> Score:
        orders: list[list[str | int]] = state.store.get(ORDERS, [])
        return Score(value=CORRECT if orders == state.metadata["orders"] else INCORRECT, answer=str(orders))

    return score
