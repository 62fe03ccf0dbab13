import ArgumentParser
import GateCrypto
import GateModel
import GateSession
import GateTelemetry
import GateTransport
import GateWire
import Glibc
import NIOCore
import NIOPosix

/// The other end of a measurement, as a process of its own. Reads one command a line on standard input:
/// `cost` prints CPU seconds and resident bytes so far; `heap` prints blocks and bytes freed since the first such command; `send N` sends a stream to the last that connected.
struct BenchEndCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "bench-end", shouldDisplay: false)

    @Argument var kind: Kind
    /// For links: the folder with credentials that the other side made. For a soak: the node's folder.
    @Option var folder = ""
    /// For a soak: the name of the extender's credential.
    @Option var name = ""
    /// For a history: the file to write.
    @Option var journal = ""
    /// For sessions: an identity with ML-DSA.
    @Flag var pqIdentity = false

    enum Kind: String, ExpressibleByArgument, Sendable {
        case session, link, soak, history
    }

    func run() async throws {
        _ = ProcessHardening.raiseDescriptorLimit()
        switch kind {
        case .session: try await serveSessions()
        case .link: try await LinkBench.serve(folder: folder)
        case .soak: try await SoakEcho.serve(SoakEcho(), folder: folder, name: name)
        case .history: try await HistoryEcho.serve(folder: folder, name: name, journal: journal)
        }
    }

    private func serveSessions() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let identity = try BenchIdentity(isPostQuantum: pqIdentity)
        let loop = group.next()
        let latest = NIOLoopBoundBox<BenchPeer?>.makeEmptyBox(valueType: BenchPeer.self, eventLoop: loop)
        let environment = try await loop.submit { NIOLoopBound(try identity.environment(), eventLoop: loop) }.get()
        let listener = try await PeerBootstrap.listen(on: Endpoint(host: "127.0.0.1", port: 0), group: group) {
            channel in
            let peer = BenchPeer(isDialler: false)
            latest.value = peer
            let handler = PeerChannelHandler(
                connection: PeerConnection(accepting: [.peer], environment: environment.value), delegate: peer)
            try channel.pipeline.syncOperations.addHandler(handler)
        }
        let port = listener.localAddress?.port ?? 0
        ReadyLine(["port": "\(port)", "node": "\(identity.credentials.node)"]).printNow()
        await BenchEndCommand.obey { words in
            guard words.first == "send", let count = words.last.flatMap({ Int($0) }) else { return }
            loop.execute {
                latest.value?.onSent = { BenchEndCommand.say("sent") }
                latest.value?.send(count)
            }
        }
    }

    /// Carries out commands until standard input ends; then the process may go.
    static func obey(_ other: @escaping @Sendable ([Substring]) -> Void = { _ in }) async {
        let thread = NIOThreadPool(numberOfThreads: 1)
        thread.start()
        _ = try? await thread.runIfActive {
            while let line = readLine() {
                let words = line.split(separator: " ")
                if words == ["cost"] {
                    let resident = ProcessCost.of(process: getpid())?.residentBytes ?? 0
                    say("\(ProcessCost.ownCPUSeconds()) \(resident)")
                } else if words == ["heap"] {
                    let use = HeapUse.soFar()
                    say("\(use.blocks) \(use.bytes)")
                } else {
                    other(words)
                }
            }
        }
        Glibc.exit(0)
    }

    static func say(_ line: String) {
        print(line)
        fflush(nil)
    }
}

extension ReadyLine {
    func printNow() {
        print(line)
        fflush(nil)
    }
}

/// The other end as its starter sees it. Blocks its thread.
final class BenchCounterpart: Sendable {
    let ready: [String: String]
    let process: ChildProcess

    private static let patience = 120.0

    init(_ kind: BenchEndCommand.Kind, arguments: [String] = []) throws {
        process = try ChildProcess(
            ProgramFolder.ofThisProgram().quantumgate, ["bench-end", kind.rawValue] + arguments)
        let deadline = MonotonicSeconds.now() + BenchCounterpart.patience
        guard let line = try process.readLine(deadline: deadline, for: "its ready line"),
            let ready = ReadyLine(line: line)
        else { throw ChildProcess.Failure.endedBefore("it was ready") }
        self.ready = ready.fields
    }

    var port: UInt16 { ready["port"].flatMap { UInt16($0) } ?? 0 }

    /// CPU seconds and resident bytes of the other process so far.
    func cost() throws -> ProcessCost {
        let (seconds, bytes) = try numbers("cost")
        return ProcessCost(cpuSeconds: seconds, residentBytes: Int(bytes))
    }

    /// What the other process has freed since it was first asked.
    func heapUse() throws -> HeapUse {
        let (blocks, bytes) = try numbers("heap")
        return HeapUse(blocks: blocks, bytes: bytes)
    }

    private func numbers(_ command: String) throws -> (Double, Double) {
        process.writeLine(command)
        let parts = try answer().split(separator: " ").compactMap { Double($0) }
        guard parts.count == 2 else { throw ChildProcess.Failure.endedBefore("it answered \(command)") }
        return (parts[0], parts[1])
    }

    /// Has the other side send a stream and waits for its end.
    func send(_ byteCount: Int) throws {
        process.writeLine("send \(byteCount)")
        _ = try answer()
    }

    func stop() { process.stop(grace: 3) }

    private func answer() throws -> String {
        let deadline = MonotonicSeconds.now() + BenchCounterpart.patience
        guard let line = try process.readLine(deadline: deadline, for: "an answer") else {
            throw ChildProcess.Failure.endedBefore("it answered")
        }
        return line
    }
}
