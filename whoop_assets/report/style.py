"""The report's style sheet: light, dark, phone, paper. Text and marks hold WCAG AA against what they stand on."""

_LIGHT = """\
--paper:#f7f6f3;--card:#fff;--ink:#1c2127;--soft:#59616d;--line:#e3e1dc;--track:#eceae5;
--green:#2b8f57;--yellow:#b5850b;--red:#cc4238;--sleep:#5b7fc4;--strain:#7b93b8;--hrv:#6a4ba0;
--green-ink:#1c6b3f;--yellow-ink:#7a5800;--red-ink:#a8281f;--green-soft:#e3f3ea;--yellow-soft:#faf0d3;
--red-soft:#fbe6e4;--focus:#2f5fc4;--shade:rgba(28,33,39,.16);color-scheme:light;"""
_DARK = """\
--paper:#12151a;--card:#1a1f26;--ink:#e9ebee;--soft:#a6aeba;--line:#2c333d;--track:#2a3039;
--green:#46b877;--yellow:#d9a82e;--red:#ec6f66;--sleep:#7d9fe3;--strain:#8ea6cb;--hrv:#b79be6;
--green-ink:#8fdcae;--yellow-ink:#f0cd77;--red-ink:#ffaaa3;--green-soft:#18382a;--yellow-soft:#3a3013;
--red-soft:#43201e;--focus:#8fb4ff;--shade:rgba(0,0,0,.5);color-scheme:dark;"""

STYLE = (
    f":root{{{_LIGHT}}}\n@media (prefers-color-scheme:dark){{:root{{{_DARK}}}}}\n"
    + """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0 auto;max-width:72rem;padding:clamp(1.25rem,4vw,3.5rem) clamp(1rem,4vw,2.5rem);background:var(--paper);
color:var(--ink);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
font-variant-numeric:tabular-nums}
h1,h2,h3,p,ul,dl,dd,figure,fieldset{margin:0;padding:0}
ul{list-style:none}
h1{font-size:clamp(1.9rem,5vw,2.6rem);line-height:1.15;font-weight:650;letter-spacing:-.02em}
h2{font-size:1.3rem;font-weight:620;letter-spacing:-.01em;margin-bottom:1rem}
h3{font-size:1rem;font-weight:600}
code{font-size:.92em}
.eyebrow{color:var(--soft);font-size:.8rem;letter-spacing:.09em;text-transform:uppercase;margin-bottom:.35rem}
.lead{color:var(--soft);margin-top:.5rem}
section{margin-top:clamp(2.25rem,5vw,3.5rem)}
footer{margin-top:4rem;padding-top:1.25rem;border-top:1px solid var(--line);color:var(--soft);font-size:.85rem}
footer p+p{margin-top:.4rem}
.hint,.sub,.unit,.said{color:var(--soft);font-size:.85rem}
.skip{position:absolute;left:-99rem;top:.5rem;background:var(--card);color:var(--ink);padding:.5rem .8rem;border-radius:.4rem}
.skip:focus{left:.5rem;z-index:2}
:focus-visible{outline:3px solid var(--focus);outline-offset:2px;border-radius:.3rem}

.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,17rem),1fr));gap:1rem}
.card,.chart{background:var(--card);border:1px solid var(--line);border-radius:.9rem;padding:1.25rem 1.35rem;min-width:0}
.card h3{color:var(--soft);font-weight:550}
.figure{display:flex;flex-wrap:wrap;align-items:baseline;gap:.1rem .45rem;margin:.15rem 0 .6rem}
.value{font-size:3rem;line-height:1.1;font-weight:600;letter-spacing:-.03em}
.of{color:var(--soft);font-size:1.05rem}
.chip{display:inline-block;padding:.08rem .5rem;border-radius:1rem;background:var(--track);color:var(--ink);
font-size:.78rem;font-weight:550;line-height:1.5;letter-spacing:0}
.figure .chip{margin-left:auto;align-self:center}
.chip.green{background:var(--green-soft);color:var(--green-ink)}
.chip.yellow{background:var(--yellow-soft);color:var(--yellow-ink)}
.chip.red{background:var(--red-soft);color:var(--red-ink)}
.context{font-size:.88rem;color:var(--soft);margin-top:.8rem}
.context li+li{margin-top:.2rem}
.signals{margin-top:1.1rem;font-size:.95rem}
.signals li{padding:.15rem 0 .15rem .9rem;border-left:3px solid var(--line)}
.signals li+li{margin-top:.35rem}
.gauge{display:block;width:100%;height:8px;border-radius:4px}

svg path{vector-effect:non-scaling-stroke;fill:none}
.track{fill:var(--track)!important}
.usual{stroke:var(--ink);stroke-width:2.5}
.grid{stroke:var(--line);stroke-width:1}
.none{stroke:var(--soft);stroke-width:2}
path.bar.green,path.zone.green{fill:var(--green)}path.bar.yellow,path.zone.yellow{fill:var(--yellow)}
path.bar.red,path.zone.red{fill:var(--red)}path.bar.sleep{fill:var(--sleep)}path.bar.strain{fill:var(--strain)}
path.zone{fill-opacity:.1}
path.area{fill:var(--hrv);fill-opacity:.2}
.mean{stroke:var(--hrv);stroke-width:1.75;stroke-dasharray:5 3}
.week{stroke:var(--ink);stroke-width:2}
.thread{stroke:var(--hrv);stroke-opacity:.4;stroke-width:1}
.need{stroke:var(--ink);stroke-width:2}
.dot{stroke:var(--hrv);stroke-width:5;stroke-linecap:round}
.dot.green{stroke:var(--green)}.dot.yellow{stroke:var(--yellow)}.dot.red{stroke:var(--red)}
.newest{stroke:var(--ink);stroke-width:10;stroke-linecap:round}
.target{stroke:var(--soft);stroke-dasharray:4 3}
svg path.tip{fill:transparent;pointer-events:all}
svg path.tip:hover{fill:var(--shade)}

.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,27rem),1fr));gap:1rem}
.chart figcaption{display:flex;flex-wrap:wrap;justify-content:space-between;align-items:baseline;gap:0 1rem}
.plot{display:grid;grid-template:10.5rem 1.6rem/2.1rem minmax(0,1fr);margin:.9rem 0 .5rem}
.plot svg{width:100%;height:100%;overflow:visible}
.y,.x{position:relative;color:var(--soft);font-size:.75rem;line-height:1}
.y span{position:absolute;right:.5rem;transform:translateY(50%)}
.x{grid-column:2}
.x span{position:absolute;top:.55rem;transform:translateX(-50%);white-space:nowrap}
.x .first{transform:none}.x .last{transform:translateX(-100%)}
.legend{display:flex;flex-wrap:wrap;gap:.15rem 1rem;font-size:.8rem;color:var(--soft);margin-top:.6rem}
.legend li{display:flex;align-items:center;gap:.4rem}
.sample{width:.8rem;height:.8rem;flex:none;overflow:visible}
.r91,.r365,.r28{display:none}
.alone .view,body:has(#r28:checked) .r28,body:has(#r91:checked) .r91,body:has(#r365:checked) .r365{display:block}
@supports not selector(:has(*)){.r91{display:block}.ranges{display:none!important}}
.ranges{border:0;display:inline-flex;flex-wrap:wrap;gap:.3rem;margin-bottom:1rem;background:var(--track);border-radius:.7rem;
padding:.25rem}
.ranges legend{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.ranges label{position:relative;cursor:pointer}
.ranges input{position:absolute;inset:0;opacity:0;margin:0;width:100%;height:100%;cursor:pointer}
.ranges span{display:block;padding:.4rem .85rem;border-radius:.5rem;font-size:.9rem;color:var(--soft)}
.ranges input:checked+span{background:var(--card);color:var(--ink);font-weight:600;box-shadow:0 1px 2px var(--shade)}
.ranges input:focus-visible+span{outline:3px solid var(--focus);outline-offset:1px}

.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:.9rem;
background:linear-gradient(90deg,var(--card) 40%,transparent) 0 0/3rem 100% no-repeat local,
linear-gradient(270deg,var(--card) 40%,transparent) 100% 0/3rem 100% no-repeat local,
linear-gradient(90deg,var(--shade),transparent) 0 0/1rem 100% no-repeat scroll,
linear-gradient(270deg,var(--shade),transparent) 100% 0/1rem 100% no-repeat scroll,var(--card)}
table{border-collapse:collapse;width:100%;font-size:.9rem}
caption{text-align:left;padding:.8rem 1rem .3rem;color:var(--soft);font-size:.85rem}
th,td{padding:.5rem .7rem;text-align:right;white-space:nowrap;border-top:1px solid var(--line);font-weight:400}
thead th{border-top:0;color:var(--soft);font-size:.8rem;font-weight:550;vertical-align:bottom}
th:first-child,td:first-child{padding-left:1rem;text-align:left}
tbody th{font-weight:550}
.t{text-align:left}
td.w{white-space:normal;min-width:9rem}
td .chip{min-width:3.6rem;text-align:center}
details{margin-top:.8rem}
summary{cursor:pointer;padding:.5rem .2rem;color:var(--soft);font-size:.92rem}
details[open] summary{margin-bottom:.4rem}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,21rem),1fr));gap:1.1rem 2rem;margin-bottom:1.2rem}
dt{font-weight:600}
dd{font-size:.92rem}
.when{color:var(--soft);font-size:.85rem;margin-top:.15rem}
.count{color:var(--soft);font-weight:400;font-size:.85rem;margin-left:.3rem}
@media (max-width:34rem){.x .minor{display:none}.zones .x .minor{display:block}.card,.chart{padding:1.05rem 1rem}
.plot{grid-template-rows:9.5rem 1.6rem}
.scroll::after{content:"Scroll sideways for more \\2192";position:sticky;left:1rem;display:block;width:max-content;
max-width:calc(100vw - 4rem);padding:.4rem 0 .6rem;color:var(--soft);font-size:.78rem}}
@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}

@media print{
:root{"""
    + _LIGHT
    + """--paper:#fff}
@page{size:A4;margin:14mm}
body{max-width:none;padding:0;font-size:10.5pt;-webkit-print-color-adjust:exact;print-color-adjust:exact}
.skip,.ranges,details,.scroll::after{display:none!important}
.scroll{overflow:visible;border:0;background:none}
.cards{grid-template-columns:repeat(3,1fr);gap:.6rem}
.figures{grid-template-columns:1fr}
.card,.chart,tr,dl>div,.signals li{break-inside:avoid}
.card{padding:.8rem .9rem}.value{font-size:2rem}
.plot{grid-template-rows:9rem 1.6rem}
h2,h3,caption,thead{break-after:avoid}
section{margin-top:1.6rem}
table{font-size:8.6pt}th,td{padding:.28rem .4rem}
}
"""
)
