"""Draws the alarm dashboard as deploy/templates/monitoring.yaml lays it out: titles and labels, and no data."""

import json
from html import escape
from typing import Any

from tests.deploy.templates import cfn

COLUMN, ROW, MARGIN = 41, 26, 10
_COLOURS = ("#3b6fd4", "#c8740f", "#2f8f4e", "#b8336a", "#7a5cc8", "#0f8a8a")
_STYLE = """\
<style>
  svg { font-family: system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
  text { font-size: 11px; fill: #57606a; }
  .heading { font-size: 16px; font-weight: 600; fill: #1f2328; }
  .title { font-size: 12.5px; font-weight: 600; fill: #1f2328; }
  .page { fill: #f6f8fa; stroke: #d0d7de; }
  .widget { fill: #ffffff; stroke: #d0d7de; }
  .axis { stroke: #8c959f; fill: none; }
  .grid { stroke: #d8dee4; stroke-dasharray: 2 3; }
  .alarm { fill: #eaf7ee; stroke: #2f8f4e; }
  @media (prefers-color-scheme: dark) {
    text { fill: #a9b3bd; }
    .heading, .title { fill: #f0f3f6; }
    .page { fill: #0d1117; stroke: #30363d; }
    .widget { fill: #161b22; stroke: #30363d; }
    .grid { stroke: #30363d; }
    .alarm { fill: #14301f; stroke: #62c483; }
  }
</style>"""


def draw() -> str:
    """The dashboard as an SVG."""
    resolver = cfn.Resolver(cfn.load("monitoring"))
    widgets = json.loads(resolver.resource("Dashboard")["DashboardBody"])["widgets"]
    width = 2 * MARGIN + 24 * COLUMN
    height = 2 * MARGIN + max(widget["y"] + widget["height"] for widget in widgets) * ROW
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        "<title>The dashboard's layout</title>",
        _STYLE,
        f'<rect class="page" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>',
        *(line for widget in widgets for line in _widget(widget)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _widget(widget: dict[str, Any]) -> list[str]:
    x, y = MARGIN + widget["x"] * COLUMN, MARGIN + widget["y"] * ROW
    width, height = widget["width"] * COLUMN, widget["height"] * ROW
    properties = widget["properties"]
    if widget["type"] == "text":
        return [f'<text class="heading" x="{x + 6}" y="{y + 19}">{escape(properties["markdown"].lstrip("# "))}</text>']
    lines = [
        f'<rect class="widget" x="{x + 3}" y="{y + 3}" width="{width - 6}" height="{height - 6}" rx="5"/>',
        f'<text class="title" x="{x + 12}" y="{y + 20}">{escape(properties["title"])}</text>',
    ]
    if widget["type"] == "alarm":
        return lines + _alarms(properties["alarms"], x + 10, y + 28, width - 20, height - 38)
    return lines + _graph([_label(metric) for metric in properties["metrics"]], x + 14, y + 30, width - 28, height - 40)


def _label(metric: list[Any]) -> str:
    return str(next(part["label"] for part in metric if isinstance(part, dict)))


def _alarms(arns: list[str], x: int, y: int, width: int, height: int) -> list[str]:
    """A box for each alarm."""
    columns = 6
    rows = -(-len(arns) // columns)
    wide, high = width / columns, height / rows
    lines = []
    for number, arn in enumerate(arns):
        left, top = x + number % columns * wide, y + number // columns * high
        name = arn.partition(f"alarm:{cfn.PSEUDO_PARAMETERS['AWS::StackName']}-")[2]
        lines.append(
            f'<rect class="alarm" x="{left + 2:.1f}" y="{top + 1:.1f}" width="{wide - 4:.1f}" height="{high - 3:.1f}"/>'
        )
        lines.append(f'<text x="{left + 8:.1f}" y="{top + high / 2 + 3:.1f}">{escape(name)}</text>')
    return lines


def _graph(labels: list[str], x: int, y: int, width: int, height: int) -> list[str]:
    """Axes, and what each line of the graph is."""
    columns = 2 if max(map(len, labels)) * 6 + 12 < width // 2 else 1
    rows = -(-len(labels) // columns)
    bottom = y + height - 15 * rows - 2
    lines = [f'<path class="axis" d="M {x} {y} V {bottom} H {x + width}"/>']
    lines += [f'<path class="grid" d="M {x} {level} H {x + width}"/>' for level in range(bottom - 22, y, -22)]
    for number, label in enumerate(labels):
        left, base = x + number % columns * width // 2, bottom + 14 + number // columns * 15
        lines.append(f'<circle cx="{left + 4}" cy="{base - 4}" r="4" fill="{_COLOURS[number % len(_COLOURS)]}"/>')
        lines.append(f'<text x="{left + 12}" y="{base}">{escape(label)}</text>')
    return lines
