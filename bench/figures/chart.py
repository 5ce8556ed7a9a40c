"""The curve over the number of connections as an SVG, legible on a light and on a dark page."""
import math

WIDTH, HEIGHT = 800, 438
TOP, BOTTOM = 84, 350
PANELS = ((76, 376), (476, 776))  # left and right edge of each plot
STYLE = """
  text { font: 13px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #24292f }
  .title { font-weight: 600; font-size: 15px }
  .note, .tick { fill: #57606a }
  .note { font-size: 11.5px }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .line { fill: none; stroke-width: 2.5; stroke-linejoin: round }
  .rate { stroke: #0969da } .p99 { stroke: #bc4c00 } .p50 { stroke: #8250df; stroke-dasharray: 6 4 }
  .dot-rate { fill: #0969da } .dot-p99 { fill: #bc4c00 } .dot-p50 { fill: #8250df }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .note, .tick { fill: #9198a1 } .grid { stroke: #3d444d }
    .rate { stroke: #4493f8 } .p99 { stroke: #f0883e } .p50 { stroke: #b083f0 }
    .dot-rate { fill: #4493f8 } .dot-p99 { fill: #f0883e } .dot-p50 { fill: #b083f0 }
  }
"""


def text(x, y, words, kind="", anchor="start", extra=""):
    words = words.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}"{extra}>{words}</text>'


def linear_ticks(values):
    """From 0 past the highest, in at most six steps of 1, 2, 2.5 or 5 times a power of ten."""
    highest = max(values)
    step = 10 ** math.floor(math.log10(highest / 4))
    step = next(step * factor for factor in (1, 2, 2.5, 5, 10) if highest / (step * factor) <= 5.2)
    return [step * i for i in range(math.ceil(highest / step) + 1)]


def decade_ticks(values):
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return [10.0 ** power for power in range(low, max(high, low + 1) + 1)]


class Panel:
    def __init__(self, edges, connections, ticks, scale, name):
        self.left, self.right = edges
        self.steps = [math.log2(count) for count in connections]
        self.scale = scale
        self.low, self.high = scale(ticks[0]), scale(ticks[-1])
        self.parts = [text(self.left, 62, name, "title")]
        for tick in ticks:
            y = self.y(tick)
            self.parts.append(f'<line x1="{self.left}" x2="{self.right}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
            self.parts.append(text(self.left - 8, y + 4.5, f"{tick:,g}", "tick", "end"))
        for count in connections:
            self.parts.append(text(self.x(count), BOTTOM + 20, f"{count:,}", "tick", "middle"))
        self.parts.append(text((self.left + self.right) / 2, BOTTOM + 42, "connections (each waits for its answer)", "tick", "middle"))

    def x(self, count):
        low, high = self.steps[0], self.steps[-1]
        share = (math.log2(count) - low) / (high - low) if high > low else 0.5
        return self.left + 10 + share * (self.right - self.left - 20)

    def y(self, value):
        return BOTTOM - (self.scale(value) - self.low) / (self.high - self.low) * (BOTTOM - TOP)

    def line(self, kind, points, label):
        path = " ".join(f"{self.x(count):.1f},{self.y(value):.1f}" for count, value in points)
        self.parts.append(f'<polyline points="{path}" class="line {kind}"/>')
        self.parts += [f'<circle cx="{self.x(c):.1f}" cy="{self.y(v):.1f}" r="3.5" class="dot-{kind}"/>' for c, v in points]
        if label:
            count, value = points[-1]
            self.parts.append(text(self.x(count), self.y(value) - 10, label, "", "end"))


def draw(results):
    curve = results["curve"]
    connections = [row["connections"] for row in curve]

    rates = Panel(PANELS[0], connections, linear_ticks([row["rate"] for row in curve]), float, "orders per second")
    rates.line("rate", [(row["connections"], row["rate"]) for row in curve], "")
    ticks = decade_ticks([row[key] for row in curve for key in ("p50_ms", "p99_ms")])
    waits = Panel(PANELS[1], connections, ticks, math.log10, "time to the 201, in ms (log scale)")
    waits.line("p50", [(row["connections"], row["p50_ms"]) for row in curve], "p50")
    waits.line("p99", [(row["connections"], row["p99_ms"]) for row in curve], "p99")
    made = results["made"]
    notes = (f"{made['command']} at commit {made['commit']}, {made['date']}",
             f"{made['cores']} cores of {made['cpu']}, load generator on the same; {made['disk']}")
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-label="Orders per second, p50 and p99 over the number of connections">',
        f"<style>{STYLE}</style>",
        text(20, 28, "Durable orders: POST /orders, two lines, every order synced to disk before its 201", "title"),
        *rates.parts, *waits.parts, text(20, HEIGHT - 26, notes[0], "note"), text(20, HEIGHT - 9, notes[1], "note"), "</svg>"]) + "\n"
