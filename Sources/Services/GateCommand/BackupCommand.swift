internal import ArgumentParser
internal import Foundation
internal import GateDatabase
internal import GateModel
internal import GateSettings
internal import GateStore

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Writes the node's whole database to one file.",
        discussion: """
            Works while the node runs, on SQLite and on PostgreSQL; the file fits either. The identity in it stays
            sealed: without the vault key (secrets/vault.key), which is not in it, nobody can use it. Keep both, apart.
            """)
    @OptionGroup var node: NodeOptions
    @Argument(help: "The file to make; it must not be there yet.", completion: .file()) var file: String

    func run() async throws {
        let settings = try await node.settings()
        printLine(try await backup(DatabasePlace(settings)).text(file))
    }

    private func backup(_ place: DatabasePlace) async throws -> NodeArchive.Summary {
        do {
            return try await NodeDatabase.backup(place, to: file)
        } catch {
            guard case .store(.conflict, _) = error else { throw error }
            throw CommandFailure("\(file) is there already; nothing was written")
        }
    }
}

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Puts a backup in place of a lost database.",
        discussion: """
            The node must be stopped, and secrets/vault.key must be the one of the backup. The whole file is checked
            first; then everything is restored or nothing. Every epoch of before ends: what an old worker may still do
            counts for nothing.
            """)
    @OptionGroup var node: NodeOptions
    @Argument(help: "The file that `backup` made.", completion: .file()) var file: String
    @Flag(help: "Replace what the database holds, of the same node.") var replace = false

    func run() async throws {
        let settings = try await node.settings()
        let place = try DatabasePlace(settings)
        try await StoppedNode.require(settings, place)
        let restored = try await restore(into: place, settings)
        printLine("\(restored.node)")
        printNote(restored.summary.text("\(place)"))
    }

    private func restore(
        into place: DatabasePlace, _ settings: LocalSettings
    ) async throws -> (node: NodeUUID, summary: NodeArchive.Summary) {
        do {
            return try await NodeDatabase.restore(
                file, into: place, vaultKeyFile: settings.vaultKeyPath, replacing: replace)
        } catch {
            guard error == .store(.conflict, path: "\(place)") else { throw error }
            let reason =
                replace
                ? "holds another node's identity" : "is not empty; --replace takes its place, if it is the same node's"
            printNote("Refused: \(place) \(reason). Nothing was changed.")
            throw CommandExit.refused
        }
    }
}

struct DatabaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "database", abstract: "Moves the node's database to another place.", subcommands: [Move.self])

    struct Move: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copies the database to PostgreSQL or to a file of SQLite, and lets the settings name it.",
            discussion: """
                The node must be stopped. The other place must be empty. What is there afterwards is compared with what
                was copied. The old database stays as it is; remove it once the node runs on the new one.

                  quantumgate database move --to 'postgresql://gate@db.example.org/gate?sslmode=verify-full'
                  quantumgate database move --to data/node.sqlite
                """)
        @OptionGroup var node: NodeOptions
        @Option(help: "A URL of PostgreSQL, or the path of a file of SQLite.") var to: String
        @Option(help: "File with the password of PostgreSQL's role.") var passwordFile: String?
        @Flag(help: "Take a PostgreSQL on another machine that proves nothing.") var allowPlain = false

        func run() async throws {
            let settings = try await node.settings()
            let place = try DatabasePlace(settings)
            let isFile = !to.contains("://")
            let path = isFile ? settings.absolute(to) : to
            let other = try DatabasePlace(
                text: path, passwordFile: passwordFile.map { NodeOptions.absolute($0) }, allowsPlain: allowPlain)
            guard place != other else { throw CommandFailure("the database is there already") }
            try await StoppedNode.require(settings, place)
            let draft = "\(settings.directory)/run/move-\(String(UInt64.random(in: .min ... .max), radix: 36))"
            defer { unlink(draft) }
            let summary = try await move(place, to: other, settings, by: draft)
            try await write(settings.directory, isFile: isFile)
            printLine(summary.text("\(other)"))
            printNote(
                "\(settings.file) names it now; the file as it was is \(settings.file).before-move. \(place) is as it was."
            )
        }

        private func move(
            _ place: DatabasePlace, to other: DatabasePlace, _ settings: LocalSettings, by path: String
        ) async throws -> NodeArchive.Summary {
            do {
                return try await NodeDatabase.move(place, to: other, vaultKeyFile: settings.vaultKeyPath, by: path)
            } catch {
                guard error == .store(.conflict, path: "\(other)") else { throw error }
                printNote("Refused: \(other) is not empty. Nothing was changed.")
                throw CommandExit.refused
            }
        }

        /// The settings file as it is, with another database; variables of the environment stay out of it.
        private func write(_ directory: String, isFile: Bool) async throws {
            var settings = try await ownSettings(directory)
            settings.database.kind = isFile ? .sqlite : .postgresql
            if isFile { settings.database.path = to }
            settings.database.url = isFile ? nil : to
            settings.database.passwordFile = isFile ? nil : passwordFile.map { NodeOptions.absolute($0) }
            settings.database.allowPlain = !isFile && allowPlain
            let before = "\(settings.file).before-move"
            try? FileManager.default.removeItem(atPath: before)
            try FileManager.default.copyItem(atPath: settings.file, toPath: before)
            try SettingsText.yaml(of: settings).write(toFile: settings.file, atomically: true, encoding: .utf8)
        }

        private func ownSettings(_ directory: String) async throws -> LocalSettings {
            do {
                return try await LocalSettings.load(directory: directory, environment: [:], filesNeeded: [])
            } catch {
                throw CommandFailure("the copy is made, but the settings can't be changed: \(error.faults)")
            }
        }
    }
}

/// What must not use a database that is put in another's place.
enum StoppedNode {
    /// Fails while a node runs on the folder or a worker is registered in the database.
    static func require(_ settings: LocalSettings, _ place: DatabasePlace) async throws {
        guard !NodeLock.isHeld(in: settings.directory) else {
            throw CommandFailure("a node runs on \(settings.directory); stop it first")
        }
        guard let worker = try await NodeDatabase.workers(of: place).first else { return }
        throw CommandFailure(
            "\(worker.registration.name) uses the database, or did until it ended without leave; stop it, or wait "
                + "\(worker.leaseLeft.components.seconds + 1) s until its lease is over")
    }
}

extension NodeArchive.Summary {
    /// One line: where, how many rows, and what tells two copies apart.
    fileprivate func text(_ place: String) -> String {
        let mark = digest.prefix(8).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return "\(place): \(rowCount) rows, content \(mark)"
    }
}
