package import ArgumentParser

/// Why a command did not do what it was asked.
package struct CommandFailure: Error, CustomStringConvertible {
    /// What is printed on standard error after `Error: `.
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// Exit codes of `quantumgate`; 64 for wrong usage comes from the argument parser.
package enum CommandExit {
    /// What was asked failed.
    package static let failed = ExitCode(1)
    /// Refused by access control or settings; asking again does not help.
    package static let refused = ExitCode(3)
}
