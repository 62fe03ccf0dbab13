internal import ArgumentParser
internal import Foundation
internal import GateSettings

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Checks and explains quantumgate.yaml.",
        subcommands: [Check.self, Explain.self])

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Reports everything that is wrong with a settings file and the environment over it.",
            discussion: "Each fault comes with its key, the reason and an example. Exit code 3 where there is one.")
        @OptionGroup var node: NodeOptions
        @Argument(help: "The file. (default: quantumgate.yaml in the node's folder)", completion: .file())
        var file: String?

        func run() async throws {
            do throws(SettingsFaults) {
                if let file {
                    let yaml = try ConfigCommand.read(file)
                    _ = try await LocalSettings.load(
                        yaml: yaml, directory: (file as NSString).deletingLastPathComponent,
                        environment: ProcessInfo.processInfo.environment, filesNeeded: [])
                } else {
                    _ = try await LocalSettings.load(directory: node.path)
                }
                printLine("ok")
            } catch {
                printLine(error.description)
                throw CommandExit.refused
            }
        }
    }

    struct Explain: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists every key of the file with its variable, meaning and an example.")
        @OptionGroup var listing: ListingOptions

        struct Row: Encodable {
            let key: String
            let variable: String
            let summary: String
            let example: String
        }

        func run() throws {
            let rows = SettingsKey.all.map {
                Row(key: $0.path, variable: $0.variable, summary: $0.summary, example: $0.example)
            }
            let listing = Listing(
                columns: [
                    ("KEY", { $0.key }), ("VARIABLE", { $0.variable }), ("EXAMPLE", { $0.example }),
                    ("MEANING", { $0.summary }),
                ], rows: rows, empty: "")
            printLine(try listing.text(json: self.listing.json))
        }
    }

    fileprivate static func read(_ file: String) throws(SettingsFaults) -> String {
        guard let yaml = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw SettingsFaults([
                SettingsFault(key: file, reason: "can't be read", example: "\(LocalSettings.fileName)")
            ])
        }
        return yaml
    }
}
