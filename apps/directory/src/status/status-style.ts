/** The one style of the status page; its policy names it by its hash. */
export const STYLE = `
:root { color-scheme: light dark; --text: #1c2330; --faint: #667085; --ground: #f6f7f9; --card: #fff; --edge: #dfe3ea;
  --good: #16a08a; --fair: #d98a00; --poor: #d5383f; --quiet: #a9b1bf; --load0: #a8dccf; --load1: #63c3ae; --load2: #16a08a; --load3: #d98a00; --load4: #d5383f }
@media (prefers-color-scheme: dark) { :root { --text: #dde3ec; --faint: #8d98a9; --ground: #12161d; --card: #1a2029; --edge: #2c3542;
  --good: #2fbfa5; --fair: #f0ab35; --poor: #ff6b6b; --quiet: #5a6575; --load0: #1e5a50; --load1: #23806f; --load2: #2fbfa5; --load3: #f0ab35; --load4: #ff6b6b } }
* { box-sizing: border-box }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 66rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; color: var(--text); background: var(--ground) }
h1 { font-size: 1.35rem; margin: 0 } h2 { font-size: 1rem; margin: 0 0 .5rem }
header { display: flex; flex-wrap: wrap; gap: .2rem 1rem; align-items: baseline; justify-content: space-between; margin-bottom: 1rem }
header p, .note, dd small { color: var(--faint); margin: 0; font-size: .87rem }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); gap: .8rem; margin: 0 0 1rem }
dl div, section { background: var(--card); border: 1px solid var(--edge); border-radius: 10px; padding: .8rem 1rem }
dt { color: var(--faint); font-size: .87rem } dd { margin: 0; font-size: 1.35rem } dd small { display: block; line-height: 1.35 }
section { margin-bottom: 1rem; overflow-x: auto }
svg { display: block; width: 100%; height: auto; max-height: 46rem }
.link { fill: none; stroke-width: 1.6; opacity: .75 } .link:hover { stroke-width: 4; opacity: 1 }
.link.good { stroke: var(--good) } .link.fair { stroke: var(--fair); stroke-width: 2.4 } .link.poor { stroke: var(--poor); stroke-width: 2.8; stroke-dasharray: 7 4 }
.rtt { font-size: 13px; fill: var(--faint); stroke: var(--card); stroke-width: 5; paint-order: stroke } .rtt.fair { fill: var(--fair) } .rtt.poor { fill: var(--poor) }
.node { fill: var(--load1); stroke: var(--card); stroke-width: 2.5 }
.node.load0 { fill: var(--load0) } .node.load2 { fill: var(--load2) } .node.load3 { fill: var(--load3) } .node.load4 { fill: var(--load4) }
.node.draining { fill: var(--card); stroke: var(--fair); stroke-dasharray: 4 3 } .node.linked, .node.silent { fill: var(--card); stroke: var(--quiet) } .node.linked { fill: var(--quiet) }
.name { font-size: 15px; fill: var(--text) } .name.small { font-size: 11px }
table { border-collapse: collapse; width: 100% } th { font-size: .87rem; color: var(--faint); font-weight: 500 }
th, td { text-align: left; padding: .45rem .9rem .45rem 0; border-bottom: 1px solid var(--edge); vertical-align: top; overflow-wrap: anywhere }
tbody tr:last-child td { border-bottom: 0 } td small { color: var(--faint); display: block } td:nth-child(n+2) { white-space: nowrap }
.state::before { content: ""; display: inline-block; width: .6em; height: .6em; border-radius: 50%; margin-right: .5em; background: var(--good) }
.state.draining::before { background: var(--fair) } .state.linked::before { background: var(--quiet) } .state.silent::before { background: transparent; border: 2px solid var(--quiet) }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem } .legend b { font-weight: 600 } .legend .good { color: var(--good) } .legend .fair { color: var(--fair) } .legend .poor { color: var(--poor) }
`;
