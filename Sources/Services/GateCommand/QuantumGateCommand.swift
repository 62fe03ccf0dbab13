package import ArgumentParser
internal import GateCrypto

/// `quantumgate`: the one command that operators learn.
package struct QuantumGateCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "quantumgate",
        abstract: "Runs and operates a QuantumGate node.",
        discussion: """
            A node begins with a folder:

              quantumgate init my-node             makes identity, settings, credentials; prints the node's UUID
              quantumgate node my-node             runs everything on this machine
              quantumgate card --dir my-node       prints UUID@host:port, to give to other nodes' operators
              quantumgate peers add UUID@host:port --dir my-node

            Commands find the folder by --dir, else by QUANTUMGATE_DIR, else take the working folder.
            Exit codes: 0 done, 1 failed, 3 refused by access control or settings, 64 wrong usage.
            """,
        version: "0.1.0",
        subcommands: [BenchEndCommand.self],
        groupedSubcommands: [
            CommandGroup(name: "Running", subcommands: [InitCommand.self, NodeCommand.self, DoctorCommand.self]),
            CommandGroup(
                name: "Looking",
                subcommands: [
                    StatusCommand.self, HealthCommand.self, SessionsCommand.self, CircuitsCommand.self,
                    WorkersCommand.self,
                    ExtendersCommand.self, CardCommand.self,
                ]),
            CommandGroup(
                name: "Changing",
                subcommands: [
                    PeersCommand.self, AccessCommand.self, BansCommand.self, SettingsCommand.self, ConfigCommand.self,
                    CredentialCommand.self, DrainCommand.self,
                ]),
            CommandGroup(
                name: "Keeping", subcommands: [BackupCommand.self, RestoreCommand.self, DatabaseCommand.self]),
            CommandGroup(name: "Trying out", subcommands: [DemoCommand.self, BenchCommand.self]),
        ])

    package init() {}

    /// What the program does first, as every program of a node does: `init` makes the identity's keys here.
    package static func harden() {
        if !ProcessHardening.disableCoreDumps() {
            printNote("Warning: core dumps can't be switched off; a crash may write secrets to disk.")
        }
        ProcessHardening.raiseDescriptorLimit()
    }
}
