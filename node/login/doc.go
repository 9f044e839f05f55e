// Package login is where a user proves to a server who he is. Each tier has a
// folder; a deployment speaks one of them and never negotiates.
//
// login/puzzle makes strangers work before a server does, in both tiers.
// login/classic is the tier of RSA keys and passwords, protocol.md section 3.
// login/channel is the default tier, protocol.md section 4, and login/opaque how it uses a
// password. login/channel/second is the default tier's once more, written from the
// document, for tests.
package login
