// Package aggregate adds up what connections did into a bounded number of
// series, each with the attributes that the user selected. It knows flow and
// attribute names; how a series leaves the process is not its business.
package aggregate
