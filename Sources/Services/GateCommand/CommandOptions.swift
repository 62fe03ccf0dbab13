internal import ArgumentParser
internal import Foundation
internal import GateSettings
internal import SystemPackage

/// Which node a command is about.
struct NodeOptions: ParsableArguments {
    @Option(name: .customLong("dir"), help: "The node's folder. (default: $QUANTUMGATE_DIR, else the working folder)")
    var directory: String?

    /// The folder, absolute.
    var path: String { NodeOptions.absolute(directory ?? NodeOptions.fallback) }

    /// The node's local settings; prints every fault and fails where they are wrong. A command opens none of the files
    /// that they name, so it works where only its credential is.
    func settings() async throws -> LocalSettings { try await NodeOptions.settings(of: path, filesNeeded: []) }

    static func settings(of path: String, filesNeeded: NeededFiles) async throws -> LocalSettings {
        do {
            return try await LocalSettings.load(directory: path, filesNeeded: filesNeeded)
        } catch {
            throw CommandFailure("the settings are wrong:\n" + error.faults.map { "  \($0)" }.joined(separator: "\n"))
        }
    }

    /// `given`, else the folder that `--dir` names.
    func path(given: String?) -> String { given.map(NodeOptions.absolute) ?? path }

    private static var fallback: String {
        ProcessInfo.processInfo.environment["QUANTUMGATE_DIR"] ?? FileManager.default.currentDirectoryPath
    }

    static func absolute(_ path: String) -> String {
        let path = path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
        return FilePath(path).lexicallyNormalized().string
    }
}

/// How a listing is printed.
struct ListingOptions: ParsableArguments {
    @Flag(help: "Print JSON, for programs.")
    var json = false
}
