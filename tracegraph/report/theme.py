"""The looks of a report: one style sheet for light and dark, and the few lines of script for moving in drawings."""

import colorsys

from tracegraph.compiler.ir.description import FILL, INPUT_FILL

_DARK_LIGHTNESS = 0.23
_DARK_SATURATION = 0.42

_STYLE = """
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#1c2127;--soft:#5c6670;--line:#dfe3e8;--accent:#1a66d6;
--accent-soft:#e4eefc;--good:#11784b;--good-soft:#dff3e8;--warn:#9a5b00;--warn-soft:#fff1d9;--bar:#9fb2c8;--code:#f3f5f8;
--edge:#8a949e;--k-kernel:#dbe9ff;--k-routine:#fbdcdc;--k-host:#ffe9c4;--k-leaf:#fff;--keyword:#8b2fb0;--string:#11784b;
--number:#a1420a;--comment:#6b7680;--decorator:#1a66d6}
@media(prefers-color-scheme:dark){:root{--page:#14171b;--card:#1c2026;--ink:#e6e9ed;--soft:#9aa5b1;--line:#323a44;
--accent:#78adff;--accent-soft:#1d2f4b;--good:#5fd39c;--good-soft:#16352a;--warn:#ffc266;--warn-soft:#3b2c12;--bar:#4d5d70;
--code:#15191e;--edge:#75808c;--k-kernel:#1f3557;--k-routine:#4d2529;--k-host:#4a3713;--k-leaf:#262c34;--keyword:#d79bf0;
--string:#7fd6a6;--number:#f2a06b;--comment:#8a949e;--decorator:#78adff}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,"DejaVu Sans",sans-serif}
main{max-width:1240px;margin:0 auto;padding:28px 24px 60px}
h1{font-size:30px;line-height:1.2;margin:0 12px 0 0;letter-spacing:-.01em;display:inline-block}
h2{font-size:20px;margin:40px 0 4px}
p{margin:4px 0 12px}.soft,.note{color:var(--soft)}.note{font-size:13.5px;max-width:125ch}
a{color:var(--accent)}
code,pre,.mono{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
pre{background:var(--code);border:1px solid var(--line);border-radius:8px;padding:12px 14px;overflow:auto;margin:8px 0;
max-height:560px}
.badge{display:inline-block;padding:2px 11px;border-radius:20px;font-weight:600;font-size:14px;vertical-align:6px}
.badge.static{background:var(--good-soft);color:var(--good)}.badge.plain{background:var(--warn-soft);color:var(--warn)}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:16px 18px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:12px;margin:20px 0 12px}
.tile b{display:block;font-size:27px;line-height:1.2;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:13.5px}
.tile.lead{background:var(--accent-soft);border-color:transparent}.tile.lead b{color:var(--accent)}
.flow{display:flex;flex-wrap:wrap;align-items:center;gap:6px 10px;margin:14px 0}
.flow span{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:5px 12px}
.flow span b{font-variant-numeric:tabular-nums}.flow i{color:var(--soft);font-style:normal}
.bars{display:grid;grid-template-columns:max-content 1fr max-content;gap:8px 12px;align-items:center}
.bars .rail{height:22px}.bars .fill{height:22px;border-radius:5px;background:var(--bar);min-width:2px}
.bars .fill.hot{background:var(--accent)}.bars .value{font-variant-numeric:tabular-nums;font-weight:600}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:6px 10px;border-bottom:1px solid var(--line);vertical-align:top}
th{font-size:13px;color:var(--soft);font-weight:600}td.n,th.n{text-align:right;white-space:nowrap}
tr:last-child td{border-bottom:0}.idle td{color:var(--soft)}
details{border:1px solid var(--line);border-radius:10px;background:var(--card);margin:8px 0;overflow:hidden}
details>summary{cursor:pointer;padding:9px 14px;display:flex;gap:12px;align-items:baseline;flex-wrap:wrap}
details>summary::before{content:"▸";color:var(--soft);width:10px}details[open]>summary::before{content:"▾"}
summary::-webkit-details-marker{display:none}summary .right{margin-left:auto;color:var(--soft);font-size:13.5px}
summary>b.name{min-width:104px}summary>.round{min-width:64px}
details>pre{margin:0;border:0;border-top:1px solid var(--line);border-radius:0}
.meter{display:inline-block;width:150px;height:9px;background:var(--line);border-radius:5px;overflow:hidden;vertical-align:1px}
.meter i{display:block;height:100%;background:var(--bar)}.meter i.hot{background:var(--accent)}
.tabs>input{position:absolute;opacity:0}
.tabs>label{display:inline-block;padding:6px 14px;border-radius:8px 8px 0 0;cursor:pointer;color:var(--soft);
border:1px solid transparent;border-bottom:0;position:relative;top:1px}
.tabs>input:checked+label{background:var(--card);color:var(--ink);border-color:var(--line);font-weight:600}
.tabs>input:focus-visible+label{outline:2px solid var(--accent)}
.tabs>.panel{display:none;background:var(--card);border:1px solid var(--line);border-radius:0 12px 12px 12px}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;padding:9px 14px;color:var(--soft);font-size:13px;
border-bottom:1px solid var(--line);align-items:center}
.legend i{display:inline-block;width:13px;height:13px;border-radius:4px;border:1px solid var(--edge);margin-right:6px;
vertical-align:-2px}
.zoom{margin-left:auto;display:none;gap:4px}.scripted .zoom{display:flex}
.zoom button{font:inherit;line-height:1;min-width:30px;height:26px;border:1px solid var(--line);background:var(--page);
color:var(--ink);border-radius:6px;cursor:pointer}
.view{overflow:auto;max-height:760px;padding:10px}.scripted .view{cursor:grab}.scripted .view.held{cursor:grabbing}
.view svg{display:block;margin:0 auto}
.picture{padding:12px;overflow-x:auto}.picture svg{display:block;max-width:100%;height:auto;margin:0 auto}
svg text{font:11px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:var(--ink)}
svg .t{fill:var(--soft);font-size:10px}svg .b{font-weight:600}svg .e{fill:none;stroke:var(--edge);stroke-width:1.1}
svg marker path{fill:var(--edge)}
.graph>svg>rect{fill:transparent}
.axis{stroke:var(--line);stroke-width:1}.hint{fill:var(--soft)!important}
.block{stroke:var(--card);stroke-width:1}.block:hover{stroke:var(--ink);stroke-width:1.6}
.k-kernel{fill:var(--k-kernel)}.k-routine{fill:var(--k-routine)}.k-host{fill:var(--k-host)}.k-leaf{fill:var(--k-leaf)}
.step{stroke:var(--edge);stroke-width:1}g:hover>.step{stroke:var(--accent);stroke-width:2}
.legend .k-kernel{background:var(--k-kernel)}.legend .k-routine{background:var(--k-routine)}
.legend .k-host{background:var(--k-host)}
.kw{color:var(--keyword)}.st{color:var(--string)}.nu{color:var(--number)}.co{color:var(--comment);font-style:italic}
.de{color:var(--decorator)}.ln{display:inline-block;width:3.2em;color:var(--comment);user-select:none;text-align:right;
padding-right:1.2em;opacity:.65}
.reason{background:var(--warn-soft);border-radius:8px;padding:8px 14px;margin:6px 0}
ul.guards{columns:2 380px;margin:0;padding:10px 16px 10px 34px;border-top:1px solid var(--line);font-size:14px}
ul.guards li{break-inside:avoid;margin:2px 0}
footer{color:var(--soft);font-size:13px;margin-top:44px;border-top:1px solid var(--line);padding-top:12px}
@media(max-width:640px){main{padding:18px 14px}.picture svg{max-width:none}}
@media print{details{break-inside:avoid}.view,pre{max-height:none}}
"""

_SCRIPT = """
document.documentElement.classList.add("scripted");
for (const view of document.querySelectorAll(".view")) {
  const svg = view.querySelector("svg"), width = svg.viewBox.baseVal.width, height = svg.viewBox.baseVal.height;
  let scale = 1;
  const show = (next, x, y) => {
    next = Math.min(4, Math.max(0.08, next));
    const left = (view.scrollLeft + x) / scale, top = (view.scrollTop + y) / scale;
    scale = next;
    svg.setAttribute("width", width * scale); svg.setAttribute("height", height * scale);
    view.scrollLeft = left * scale - x; view.scrollTop = top * scale - y;
  };
  const middle = factor => show(scale * factor, view.clientWidth / 2, view.clientHeight / 2);
  const whole = () => show(Math.min((view.clientWidth - 24) / width, 740 / height), 0, 0);
  const across = () => show(Math.min(1, Math.max(0.55, (view.clientWidth - 24) / width)), 0, 0);
  const centre = () => { view.scrollLeft = (view.scrollWidth - view.clientWidth) / 2; };
  const act = {"in": () => middle(1.25), "out": () => middle(0.8), "fit": whole, "one": () => show(1, 0, 0)};
  for (const button of view.parentElement.querySelectorAll(".zoom button"))
    button.addEventListener("click", () => act[button.value]());
  view.addEventListener("wheel", event => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const box = view.getBoundingClientRect();
    show(scale * Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
  }, {passive: false});
  let held = null;
  view.addEventListener("pointerdown", event => {
    held = [event.clientX + view.scrollLeft, event.clientY + view.scrollTop];
    view.classList.add("held"); view.setPointerCapture(event.pointerId);
  });
  view.addEventListener("pointermove", event => {
    if (held) { view.scrollLeft = held[0] - event.clientX; view.scrollTop = held[1] - event.clientY; }
  });
  for (const end of ["pointerup", "pointercancel"])
    view.addEventListener(end, () => { held = null; view.classList.remove("held"); });
  let placed = false;
  new ResizeObserver(() => { if (!placed && view.clientWidth) { placed = true; across(); centre(); } }).observe(view);
}
"""


def dark(colour: str) -> str:
    """The counterpart of a pale `#rrggbb` colour on a dark page: the same hue, dark."""
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    hue, _, saturation = colorsys.rgb_to_hls(red, green, blue)
    rgb = colorsys.hls_to_rgb(hue, _DARK_LIGHTNESS, min(saturation, _DARK_SATURATION))
    return "#" + "".join(f"{round(255 * part):02x}" for part in rgb)


def style() -> str:
    """The style sheet; colours of the graph's boxes get their dark counterparts."""
    colours = dict.fromkeys([*FILL.values(), INPUT_FILL])
    rules = [f'.graph g>rect[fill="{colour}"]{{fill:{dark(colour)}}}' for colour in colours]
    rules.append(".graph text[style]{filter:brightness(1.7)}")
    return f"{_STYLE}@media(prefers-color-scheme:dark){{{''.join(rules)}}}\n"


def script() -> str:
    """Zooming and dragging of drawings; without it they scroll."""
    return _SCRIPT
