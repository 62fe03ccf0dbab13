import ArgumentParser
import Foundation
import GateModel
import NIOPosix
import UnixSignals

/// `quantumgate demo`: a small network on this machine.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Start a small network on this machine, with SOCKS5 through N relays.",
        discussion: """
            Starts an origin, relays and an exit, each with its own identity, database service, kernel and socks5 as \
            processes of their own, and a web server. Without --check it stays up until interrupted.
            """)

    @Option(help: "Relays between the origin and the exit, 0 to 8.")
    var hops = 3

    @Option(help: "Kernel workers of each node, 1 to 4.")
    var workers = 1

    @Flag(help: "Download, compare, kill a relay, and end: exit code 0 if all was as it should be.")
    var check = false

    @Flag(help: "Keep the nodes' folders, with all logs.")
    var keep = false

    @Option(help: .hidden)
    var megabytes = 256

    @Option(help: .hidden)
    var programs: String?

    /// A check takes no longer than this.
    private static let checkLimit = Duration.seconds(175)

    func validate() throws {
        guard (0...8).contains(hops) else { throw ValidationError("--hops is a number from 0 to 8") }
        guard (1...4).contains(workers) else { throw ValidationError("--workers is a number from 1 to 4") }
        guard (1...4096).contains(megabytes) else { throw ValidationError("--megabytes is a number from 1 to 4096") }
    }

    func run() async throws {
        let voice = DemoVoice()
        let folder = try DemoFolder()
        let succeeded: Bool
        do {
            succeeded = try await UntilInterrupted.run(limit: check ? DemoCommand.checkLimit : nil) {
                try await act(in: folder.path, voice: voice)
            }
        } catch {
            voice.say("FAILED: \(error)")
            voice.say("the nodes' folders and logs are kept in \(folder.path)")
            throw ExitCode(1)
        }
        if keep { voice.say("the nodes' folders and logs are in \(folder.path)") } else { folder.remove() }
        guard succeeded else { throw ExitCode(1) }
    }

    private func act(in folder: String, voice: DemoVoice) async throws -> Bool {
        let programs = programs.map { ProgramFolder(path: $0) } ?? .ofThisProgram()
        let network = try await DemoNetwork.start(hops: hops, in: folder, programs: programs, workers: workers) {
            voice.say($0)
        }
        do {
            let web = try await DemoWebServer.start(group: MultiThreadedEventLoopGroup.singleton)
            if check {
                try await DemoCheck(
                    network: network, web: web.endpoint, hops: hops, byteCount: megabytes << 20, voice: voice
                ).run()
            } else {
                try await DemoView(network: network, web: web.endpoint, hops: hops, voice: voice).run()
            }
            await web.stop()
        } catch is CancellationError where !check {
            // Interrupted: the ordinary end of a demo that stays up.
        } catch {
            await network.stop()
            throw error
        }
        voice.say("stopping")
        await network.stop()
        return true
    }
}

/// Runs something until it ends, a signal asks for the end, or time is up.
enum UntilInterrupted {
    /// Why it did not run to its end.
    enum Failure: Error, CustomStringConvertible {
        case late(Duration)
        case interrupted

        var description: String {
            switch self {
            case .late(let limit): "not done after \(limit)"
            case .interrupted: "interrupted"
            }
        }
    }

    /// With a limit an interruption is a failure; without one it is the ordinary end, and `body` sees a cancellation.
    static func run(limit: Duration?, _ body: @escaping @Sendable () async throws -> Bool) async throws -> Bool {
        try await withThrowingTaskGroup(of: Bool?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { break }
                guard !Task.isCancelled else { return nil }
                if limit != nil { throw Failure.interrupted }
                return nil
            }
            if let limit {
                group.addTask {
                    try await Task.sleep(for: limit)
                    throw Failure.late(limit)
                }
            }
            let first = try await group.next() ?? nil
            group.cancelAll()
            if let first { return first }
            while let next = try await group.next() { if let next { return next } }
            return true
        }
    }
}

/// A folder of its own below the system's temporary one.
package struct DemoFolder: Sendable {
    package let path: String

    package init() throws {
        let parent = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
        path = "\(parent)/quantumgate-demo-\(UUID().uuidString.prefix(8).lowercased())"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    package func remove() { try? FileManager.default.removeItem(atPath: path) }
}

/// Prints lines with the seconds since the start before them.
struct DemoVoice: Sendable {
    private let started = MonotonicSeconds.now()

    func say(_ line: String) {
        print(String(format: "%6.1f s  ", MonotonicSeconds.now() - started) + line)
        fflush(nil)
    }
}
