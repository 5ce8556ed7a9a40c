// Holds Kubernetes objects, a JSON array on standard input, against the schemas of their kinds; prints one line for each
// breach. Exit status 1 when there is one.
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';

const require = createRequire(import.meta.url);

function modelOf({ apiVersion, kind }) {
  const group = apiVersion.split('/')[0];
  const source = group === 'monitoring.coreos.com' ? '@kubernetes-models/prometheus-operator' : 'kubernetes-models';
  const model = require(`${source}/${apiVersion}`)[kind];
  if (!model) throw new Error('no such kind');
  return model;
}

function problemOf(object) {
  try {
    new (modelOf(object))(structuredClone(object)).validate();
    return null;
  } catch (problem) {
    return problem.message;
  }
}

// The schemas let unknown members pass. One that they know complains about a value of a type that no member has; one
// that does not complain is a misspelt name, which a cluster would ignore.
function* unknownMembers(object, value = object, path = '') {
  for (const [name, member] of Object.entries(value)) {
    value[name] = Array.isArray(member) ? {} : [];
    const isKnown = problemOf(object) !== null;
    value[name] = member;
    if (!isKnown) yield `${path}.${name}`;
    else if (member !== null && typeof member === 'object') yield* unknownMembers(object, member, `${path}.${name}`);
  }
}

let wrong = 0;
for (const object of JSON.parse(await text(process.stdin))) {
  const problem = problemOf(object);
  const unknown = problem ? [] : [...unknownMembers(object)];
  for (const sentence of [...(problem ? [problem] : []), ...unknown.map((path) => `${path} is not known`)]) {
    wrong += 1;
    console.log(`${object.kind} ${object.metadata?.name}: ${sentence}`);
  }
}
process.exit(wrong ? 1 : 0);
