/// How log lines look.
package enum LogFormat: String, Sendable, CaseIterable {
    /// One line for people: time, level, program, message, `key=value` pairs.
    case text
    /// One JSON object a line, for machines.
    case json
}

/// How much is logged; each level holds all later ones.
package enum LogThreshold: String, Sendable, CaseIterable {
    case trace, debug, info, notice, warning, error, critical
}
