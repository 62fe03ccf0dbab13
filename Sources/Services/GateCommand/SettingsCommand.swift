internal import ArgumentParser
internal import GateModel
internal import GateStore

struct SettingsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settings",
        abstract: "Shows and changes what all workers of the node share; it takes effect at once.",
        discussion: """
            Settings of one machine (addresses, paths, logs) are in its quantumgate.yaml instead: see `config check`.
            """,
        subcommands: [List.self, Get.self, Set.self, Levels.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists every setting with its value.")
        @OptionGroup var node: NodeOptions
        @OptionGroup var listing: ListingOptions

        func run() async throws {
            let rows = try await OperatorLink.with(node) { store in try await store.settings() }
            printLine(try SettingListing.listing(of: rows).text(json: listing.json))
        }
    }

    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints one setting's value.", discussion: "With --explain also what it does and takes.")
        @OptionGroup var node: NodeOptions
        @Argument(help: "The setting's key.") var key: String
        @Flag(help: "Say what the setting does, what it takes, its default and its history.") var explain = false

        func run() async throws {
            let key = key
            let definition = try SettingsCommand.definition(of: key)
            let (rows, history) = try await OperatorLink.with(node) { store in
                (try await store.settings(), try await store.history(of: key))
            }
            let values = NodeSettingValues(rows: rows)
            printLine(values.text(of: definition))
            guard explain else { return }
            printLine("\n\(definition.doc)\nTakes \(definition.values); default \(values.fallback(of: definition)).")
            for row in history {
                printLine("\(timeText(row.changedAt.seconds))  \(row.value ?? "(default)")  by \(row.changedBy)")
            }
        }
    }

    /// Refuses an unknown key before the node is asked.
    static func definition(of key: String) throws -> SettingDefinition {
        do throws(StoreFailure) {
            return try NodeSettings.definition(of: key)
        } catch {
            throw OperatorLink.judged(error)
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Changes one setting.", discussion: "Without a value: back to the default.")
        @OptionGroup var node: NodeOptions
        @Argument(help: "The setting's key.") var key: String
        @Argument(help: "Its value; left out: the default.") var value: String?

        func run() async throws {
            let (key, value) = (key, value)
            let (row, rows) = try await OperatorLink.with(node) { store in
                (
                    try await store.set(key, to: value, by: OperatorLink.author, expecting: nil),
                    try await store.settings()
                )
            }
            printLine("\(key) = \(row.value ?? "(default)")")
            let custom = NodeSettingValues(rows: rows).customKeys
            guard key == NodeSettings.securityLevel.definition.key, !custom.isEmpty else { return }
            printLine("Set one by one, whatever the level: \(custom.joined(separator: ", ")).")
        }
    }

    struct Levels: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows what each security level decides.",
            discussion: """
                Settings that were set one by one stand over the level: `settings set KEY` takes one back to it.
                """)
        @OptionGroup var listing: ListingOptions

        func run() async throws {
            printLine(try SettingListing.levels.text(json: listing.json))
        }
    }
}

/// Settings as a listing shows them.
enum SettingListing {
    struct Row: Encodable {
        let key: String
        let value: String
        let fallback: String
        let isSet: Bool
        let doc: String
    }

    static func listing(of rows: [SettingRow]) -> Listing<Row> {
        let values = NodeSettingValues(rows: rows)
        return Listing(
            columns: [
                ("KEY", { $0.key }), ("VALUE", { $0.isSet ? "\($0.value) *" : $0.value }), ("DEFAULT", { $0.fallback }),
                ("WHAT IT DOES", { $0.doc }),
            ],
            rows: NodeSettings.all.map { definition in
                Row(
                    key: definition.key, value: values.text(of: definition), fallback: values.fallback(of: definition),
                    isSet: values.isSet(definition), doc: definition.doc)
            },
            empty: "")
    }

    /// A setting that security levels decide.
    struct Parameter: Encodable {
        let key: String
        /// Its value at each level, from the first on.
        let values: [String]
    }

    static var levels: Listing<Parameter> {
        Listing(
            columns: [("KEY", { $0.key })]
                + SecurityLevel.numbers.enumerated().map { index, level in ("LEVEL \(level)", { $0.values[index] }) },
            rows: SecurityLevel.parameters.map { Parameter(key: $0.setting.key, values: $0.values) }, empty: "")
    }
}
