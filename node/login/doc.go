// Package login is where a user proves to a server who he is. Each tier has a
// folder; a deployment speaks one of them and never negotiates.
//
// login/puzzle makes strangers work before a server does, in both tiers.
// login/classic is the tier of RSA keys and passwords, protocol.md section 3.
// login/opaque is how the default tier uses a password, protocol.md section 4.
package login
