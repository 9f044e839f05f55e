package main

// A command is one that can stand on the command line or, except for those that need no
// session, at the prompt.
type command struct {
	usage    string
	min, max int  // arguments; max < 0: any number
	modern   bool // of the default tier only
}

// commandNames are the commands in the order in which help shows them.
var commandNames = []string{"list", "send", "verify", "trust", "trust-server", "join", "invite", "devices", "remove-device", "password", "new-keys", "passphrase", "evidence", "check-evidence", "demo", "help", "version"}

var commands = map[string]command{
	"":               {"", 0, 0, false},
	"list":           {"", 0, 0, false},
	"send":           {"WHO [TEXT...]", 1, -1, false},
	"verify":         {"WHO [NUMBER...]", 1, -1, false},
	"trust":          {"WHO DIGITS", 2, -1, false},
	"trust-server":   {"--accept DIGITS", 2, -1, false},
	"join":           {"[LINK]", 0, 1, true},
	"invite":         {"", 0, 0, true},
	"devices":        {"", 0, 0, true},
	"remove-device":  {"DIGITS", 1, -1, true},
	"password":       {"[FILE]", 0, 1, true},
	"new-keys":       {"", 0, 0, true},
	"passphrase":     {"[FILE | none]", 0, 1, true},
	"evidence":       {"[FILE]", 0, 1, true},
	"check-evidence": {"FILE", 1, 1, true},
	"demo":           {"[script]", 0, 1, false},
	"help":           {"", 0, -1, false},
	"version":        {"", 0, 0, false},
}

// promptHelp is the answer to `help` at the prompt.
const promptHelp = `list                    who is online
send WHO TEXT           the rest of the line is the message
verify WHO [NUMBER]     show the number to compare with WHO; with NUMBER: note that it is the same
trust WHO DIGITS        accept WHO's new key, which DIGITS (five or more) begin; sends the kept drafts
invite                  a link with which one person can make an account on this server
devices                 the devices of this account
quit                    leave when all messages are delivered or their failure is said (also: end of input)
`

// manual is the answer to -h.
const manual = `Private chat over UDP. With no command: chat, one line a command, at a prompt or from a pipe.

  sotto -u NAME [flags]                  list, send WHO TEXT, verify, trust, invite, devices, help, quit
  sotto -u NAME [flags] list             who is online
  sotto -u NAME [flags] send WHO [TEXT]  WHO gets the words of TEXT joined by one space; no TEXT: read stdin
  sotto -u NAME [flags] verify WHO [NUMBER]
                                         the 60 digits to compare with WHO; with NUMBER: note that they match
  sotto -u NAME [flags] trust WHO DIGITS accept WHO's new key, which DIGITS (five or more) begin
  sotto -u NAME [flags] trust-server --accept DIGITS
                                         accept the server's new key: all 30 digits, as its admin reads them to you
  sotto [-u NAME] join [LINK]            make an account from an invitation; what is not given is asked for
  sotto -u NAME [flags] invite           print a link with which one person can make an account
  sotto -u NAME [flags] devices          the devices of this account
  sotto -u NAME [flags] remove-device DIGITS
                                         take a device that was lost out of the account: the one whose key DIGITS (five
                                         or more) begin. The password is asked for
  sotto -u NAME [flags] password [FILE]  change the password to the first line of FILE, or to what is asked for. The
                                         present one is asked for first; devices go on
  sotto -u NAME [flags] new-keys         replace the account's keys, signed by the old ones, when somebody else may have
                                         unlocked them. The password is asked for, and stays
  sotto -u NAME [flags] passphrase [FILE | none]
                                         put the keys of this device under a passphrase, the first line of FILE or asked
                                         for; none takes it away
  sotto -u NAME [flags] evidence [FILE]  what proves that the server has shown two logs; with FILE: write it there
  sotto check-evidence FILE              check what somebody else has written so
  sotto demo [script]                    a server and four users on this machine, no set-up: you are Bob.
                                         Without a terminal, or with the word script: a scripted conversation.

Flags, before the command:
  -u NAME              the user
  -p PASSWORD          the password, visible to other users of this machine; -p - reads a line from stdin
  -password-file FILE  the password is the first line of FILE
  -password-fd N       the password is the first line of the open file descriptor N
                       (none of these: asked at the terminal, if this device has no key of its own yet)
  -passphrase-file FILE
                       the passphrase of this device's keys is the first line of FILE (else: asked at the terminal)
  -sip HOST            the server's address or name (127.0.0.1)
  -sp PORT             the server's UDP port (5000)
  -server-key FILE     the server's public key. Without it: the one known from last time, else of a server on this
                       machine the one in its state folder, else the server is asked and the fingerprint is shown
  -server-state DIR    the state folder of a server on this machine ($XDG_STATE_HOME/sottod)
  -state DIR           where to keep keys, outbox and unread messages ($XDG_STATE_HOME/sotto)
  -timeout D           how long the end waits for messages that are not delivered yet (30s)
  -classic             the classic tier, RSA keys that the password unlocks at each login. A server speaks one tier;
                       it is never negotiated
  -relay               everything goes by the server, nothing directly from or to other users, who cannot learn
                       this machine's address
  -version             print the version

The first login on a machine makes a key for this device; later ones use it and need no password. A password that
is given all the same is checked.

An account has one session at a time: who logs in last has it, and a session at another device ends. What the device
that is there receives, no other one gets; what was sealed before its sender knew this device waits for the one that can
read it.

States of a message: queued (kept by the server for somebody offline, or in our outbox while there is no contact),
sent (the server has it on disk, the recipient is online), delivered (the recipient has it on disk), failed: why.
Messages are printed whole on one line, with control characters and line breaks escaped; events go to stdout, what
goes wrong to stderr. Messages that come while a single command runs are kept and shown in the next chat.

Exit: 0 done, 1 internal, 2 usage, 3 no contact, 4 login, 5 no such user, 6 not delivered in time,
7 key changed, 8 rate limited, 9 versions differ, 10 profile locked or damaged, 130 interrupted

Example:
  sottod -n && sottod -sp 5000 &
  sotto -u Bob -p Bob -sip 127.0.0.1 -sp 5000
`
