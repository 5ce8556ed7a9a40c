"""Stacks as one SVG: outermost functions on top, width by samples, colour by the part of the program."""
import html
from collections import Counter

WIDTH, ROW, HEAD, MARGIN = 1200, 17, 64, 10
SHARE_MIN = 0.001
LETTER = 6.6

# The first that is found in a name decides; a frame that names none has its caller's colour.
PARTS = (
    ("kernel", "kernel: ", "#c9c9c9"),
    ("SQLite", "sqlite3", "#f2a65a"), ("SQLite", "libsqlite3", "#f2a65a"),
    ("store", "waybill::sqlite", "#f7cf6b"),
    ("worker", "waybill::worker", "#b5d99c"), ("worker", "waybill::Processing", "#b5d99c"),
    ("mail", "waybill::local", "#d7b5e8"), ("mail", "waybill::MailRenderer", "#d7b5e8"), ("mail", "mustache", "#d7b5e8"),
    ("HTTP", "waybill::http", "#8ec1f5"), ("HTTP", "boost::", "#8ec1f5"), ("HTTP", "asio::", "#8ec1f5"),
    ("allocator", "jemalloc", "#f4a6a6"), ("allocator", "malloc", "#f4a6a6"), ("allocator", "operator new", "#f4a6a6"),
    ("application", "waybill::", "#a8dadc"),
)
OTHER = ("other", "", "#e6e6e6")


def part_of(name, caller=OTHER):
    return next((part for part in PARTS if part[1] in name), caller)


def shares(stacks):
    """The share of samples by the innermost part that is ours or a named library's."""
    counts = Counter()
    for stack, count in stacks.items():
        part = OTHER
        for name in stack:
            part = part_of(name, part)
        counts[part[0]] += count
    total = sum(counts.values())
    return [(name, count / total) for name, count in counts.most_common()]


class Node:
    def __init__(self):
        self.count = 0
        self.children = {}

    def add(self, stack, count):
        node = self
        node.count += count
        for name in stack:
            node = node.children.setdefault(name, Node())
            node.count += count


def draw_node(parts, name, node, caller, left, depth, scale, total):
    width = node.count * scale
    part = part_of(name, caller)
    y = HEAD + depth * ROW
    label = html.escape(f"{name}: {node.count / total:.1%}")
    room = int((width - 6) / LETTER)
    words = name.removeprefix("waybill::").removeprefix("kernel: ")
    shown = words if len(words) <= room else words[:room - 1] + "…" if room > 3 else ""
    parts.append(f'<g><title>{label}</title><rect x="{left:.1f}" y="{y}" width="{max(width - 0.6, 0.4):.1f}" height="{ROW - 1}" '
                 f'fill="{part[2]}" rx="1.5"/>' + (f'<text x="{left + 3:.1f}" y="{y + 12}">{html.escape(shown)}</text>' if shown else "") + "</g>")
    deepest = depth
    for child, below in sorted(node.children.items(), key=lambda item: -item[1].count):
        if below.count / total >= SHARE_MIN:
            deepest = max(deepest, draw_node(parts, child, below, part, left, depth + 1, scale, total))
        left += below.count * scale
    return deepest


def legend(total_shares):
    colours = {part[0]: part[2] for part in (*PARTS, OTHER)}
    x, parts = MARGIN, []
    for name, share in total_shares:
        words = f"{name} {share:.0%}"
        parts.append(f'<rect x="{x}" y="34" width="12" height="12" fill="{colours[name]}" rx="2"/><text x="{x + 17}" y="44">{words}</text>')
        x += 30 + len(words) * 7
    return parts


def draw(stacks, title):
    root = Node()
    for stack, count in stacks.items():
        root.add(stack, count)
    parts = []
    deepest = draw_node(parts, "all", root, OTHER, MARGIN, 0, (WIDTH - 2 * MARGIN) / root.count, root.count)
    height = HEAD + (deepest + 1) * ROW + MARGIN
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Flame graph">',
        "<style>text { font: 11px 'DejaVu Sans Mono', ui-monospace, monospace; fill: #1f2328 } .title { font-size: 12px }</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{MARGIN}" y="22" class="title">{html.escape(title)}</text>', *legend(shares(stacks)), *parts, "</svg>"]) + "\n"
