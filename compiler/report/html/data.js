// The matrix as numbers: every list of the report is one array with a value for
// each pair of parties, 0 for none, else one more than the index of its ports.
const data = $('data') ? JSON.parse($('data').textContent) : null;
const size = data ? data.parties.length : 0;
const names = data ? data.parties.map((p) => p[0]) : [];
const words = [''];
const wordIndex = new Map([['', 0]]);

function wordOf(ports) {
  if (!wordIndex.has(ports)) { wordIndex.set(ports, words.length); words.push(ports); }
  return wordIndex.get(ports);
}
function members(ranges) {
  const out = [];
  for (const part of ranges.split(' ')) {
    if (part === '') continue;
    const [a, b] = part.split('-').map(Number);
    for (let i = a; i <= (b ?? a); i++) out.push(i);
  }
  return out;
}
function eachPair(flow, visit) {
  const to = members(flow[1]);
  for (const i of members(flow[0])) {
    for (const j of to) visit(i * size + j, flow[2] === data.any ? data.parties[j][1] : flow[2]);
  }
}
function layer(flows) {
  const out = new Uint16Array(size * size);
  for (const f of flows) eachPair(f, (pair, ports) => { out[pair] = wordOf(ports); });
  return out;
}

// Ports in words ("TCP 80, 443-445 and UDP 53") as a set, so that what a base had
// can be told from what is and what changed.
const portSets = new Map();
function portSet(text) {
  if (portSets.has(text)) return portSets.get(text);
  const out = new Set();
  for (const part of text.split(' and ')) {
    const [protocol, ...list] = part.split(' ');
    for (const p of list.join('').split(',')) {
      const [a, b] = p.split('-').map(Number);
      if (!(a > 0)) out.add(part);
      for (let n = a; n <= Math.min(b ?? a, 65535); n++) out.add(protocol + n);
    }
  }
  portSets.set(text, out);
  return out;
}

const kinds = ['none', 'kept', 'gained', 'lost', 'moved', 'arrived'];
const [NONE, KEPT, GAINED, LOST, MOVED, ARRIVED] = kinds.keys();
const marks = ['', '•', '+', '−', '~', '○'];
const kindWords = ['may not', 'may reach, as before', 'may reach now', 'no longer', 'on other ports than before', 'may reach; an end is new'];

const [before, after, gained, lost] = data ? data.lists.map(layer) : [];
// causes are the changes against the base, by pair: [list, change] each.
const causes = new Map();
if (data && data.changes) {
  data.changes.forEach((list, which) => {
    for (const change of list) {
      eachPair(change.f, (pair, ports) => {
        if (!causes.has(pair)) causes.set(pair, []);
        causes.get(pair).push({ which, change, ports });
      });
    }
  });
}

// stateForce is what became of a pair against the policies in force.
function stateForce(pair) {
  if (after[pair] && !before[pair]) return GAINED;
  if (before[pair] && !after[pair]) return LOST;
  if (gained[pair] || lost[pair]) return MOVED;
  return after[pair] ? KEPT : NONE;
}
// stateBase is what became of it against the base.
function stateBase(pair) {
  const list = causes.get(pair);
  if (!list) return after[pair] ? KEPT : NONE;
  const was = new Set(portSet(words[after[pair]]));
  if (!after[pair]) was.clear();
  let closed = false, arrived = false;
  for (const c of list) if (c.which === 0 || c.which === 2) {
    for (const p of portSet(c.ports)) was.delete(p);
    arrived ||= c.which === 2;
  }
  for (const c of list) if (c.which === 1 || c.which === 3) closed = true;
  if (!after[pair]) return closed ? LOST : NONE;
  if (closed || was.size) return MOVED;
  return arrived ? ARRIVED : GAINED;
}
const states = {};
// statesOf are the states of all pairs against 'base' or 'force'.
function statesOf(against) {
  if (!states[against]) {
    const state = against === 'base' ? stateBase : stateForce;
    states[against] = new Uint8Array(size * size).map((_, pair) => state(pair));
  }
  return states[against];
}

function namespaceOf(name) { return name.includes('/') ? name.slice(0, name.indexOf('/')) : ''; }
// shortName leaves out the namespace that most parties are in.
function shortName(i) {
  const rest = names[i].slice(data.home.length + 1);
  return data.home && names[i].startsWith(data.home + '/') && rest !== 'outside' ? rest : names[i];
}
