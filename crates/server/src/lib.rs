//! The binary of Parlance: settings, wiring, commands.
