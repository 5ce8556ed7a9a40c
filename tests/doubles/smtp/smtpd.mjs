// A mail server for one test.
//   node smtpd.mjs [--mode starttls|tls|plain] [--cert FILE --key FILE] [--user NAME --password WORD]
//                  [--no-auth] [--greet 554] [--port N]
// prints "listening PORT", then one line of JSON for each connection and each mail that it took:
//   {"event":"open"}      {"event":"mail","from":..,"to":[..],"raw":<hex>,"tls":true,"user":..,"connection":".."}
// ends when its standard input closes, so that it never outlives the test that started it.
//
// With --user, a login is asked for; --no-auth takes AUTH away. By the recipient's name before the @:
//   unknown 550   busy 451   full 452   spam 554 after the data   slow 451 after the data
//   cut: the connection is cut between the data and its acknowledgement   silent: no answer at all
//   rude: 550, and no answer to QUIT
// and by the sender's: stranger 550   locked 530   heavy 552.
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { SMTPServer } from 'smtp-server';

const text = { type: 'string' };
const { values: options } = parseArgs({
  options: { mode: { type: 'string', default: 'starttls' }, cert: text, key: text, user: text, password: text,
    'no-auth': { type: 'boolean', default: false }, greet: text, port: { type: 'string', default: '0' } },
});
const tell = (event) => process.stdout.write(JSON.stringify(event) + '\n');
const connectionOf = (session) => [...server.connections].find((one) => one.id === session.id);
const refusal = (code, words) => Object.assign(new Error(words), { responseCode: code });
const nameOf = (address) => address.address.split('@')[0];

const recipients = {
  unknown: refusal(550, '5.1.1 No such user here'),
  rude: refusal(550, '5.1.1 No such user here'),
  busy: refusal(451, '4.3.0 Try again later'),
  full: refusal(452, '4.2.2 The mailbox is full'),
};
const senders = {
  stranger: refusal(550, '5.7.1 You may not send from here'),
  locked: refusal(530, '5.7.0 Authentication required'),
  heavy: refusal(552, '5.3.4 Too large'),
};
const contents = {
  spam: refusal(554, '5.6.0 We do not want this'),
  slow: refusal(451, '4.3.0 Could not be kept'),
};

const hidden = [];
if (options.mode === 'plain') hidden.push('STARTTLS');
if (options['no-auth']) hidden.push('AUTH');

const server = new SMTPServer({
  secure: options.mode === 'tls',
  ...(options.cert && { cert: fs.readFileSync(options.cert), key: fs.readFileSync(options.key) }),
  disabledCommands: hidden,
  authOptional: !options.user || options['no-auth'],
  allowInsecureAuth: true,
  disableReverseLookup: true,
  closeTimeout: 100,
  onConnect(session, done) {
    tell({ event: 'open' });
    done(options.greet && refusal(Number(options.greet), 'Not today'));
  },
  onAuth(auth, session, done) {
    const known = auth.username === options.user && auth.password === options.password;
    if (known) return done(null, { user: auth.username });
    done(refusal(535, `5.7.8 Not ${auth.username} with ${auth.password}`)); // a server that repeats what it heard
  },
  onMailFrom(address, session, done) {
    done(senders[nameOf(address)]);
  },
  onRcptTo(address, session, done) {
    if (nameOf(address) === 'rude') connectionOf(session).handler_QUIT = () => {};
    if (nameOf(address) !== 'silent') done(recipients[nameOf(address)]);
  },
  onData(stream, session, done) {
    const chunks = [];
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('end', () => {
      const { mailFrom, rcptTo } = session.envelope;
      const name = nameOf(rcptTo[0]);
      if (contents[name]) return done(contents[name]);
      tell({ event: 'mail', from: mailFrom.address, to: rcptTo.map((one) => one.address),
        raw: Buffer.concat(chunks).toString('hex'), tls: session.secure, user: session.user || '', connection: session.id });
      if (name !== 'cut') return done();
      connectionOf(session)._socket.destroy();
    });
  },
});
server.on('error', () => {}); // a client that goes away is no problem of ours
server.listen(Number(options.port), '127.0.0.1', () => process.stdout.write(`listening ${server.server.address().port}\n`));
process.stdin.on('end', () => process.exit(0)).on('error', () => process.exit(0)).resume();
