import GateCrypto
import GateModel
import Glibc
import NIOCore

/// The memory of idle sessions: a real node of this machine, and as many nodes, all in this process, connected to it.
enum IdleBench {
    /// Resident bytes that a session takes in the kernel worker, and in this process.
    struct Use {
        let kernel: Double
        let initiator: Double
    }

    /// Sessions that stand before the count begins, so that what all sessions share is there.
    private static let sessionsBefore = 64
    /// Until the kernel has told the database about the last of them.
    private static let settleTime = Duration.seconds(2)

    static func run(count: Int, programs: ProgramFolder) async throws -> Use {
        _ = ProcessHardening.raiseDescriptorLimit()
        let folder = try DemoFolder()
        defer { folder.remove() }
        let node = try await BlockingWork.run {
            guard let base = FreePorts.bases(count: 1).first else {
                throw DemoNode.Failure("there are not enough free ports")
            }
            let node = try DemoNode(name: "idle", below: folder.path, portBase: base, programs: programs)
            try node.start()
            do {
                try node.set([("access.default", "allow"), ("sessions.maximum", "\(count + 2 * sessionsBefore)")])
            } catch {
                node.stop()
                throw error
            }
            return node
        }
        let result: Result<Use, any Error>
        do { result = .success(try await use(of: node, count: count)) } catch { result = .failure(error) }
        try await BlockingWork.run { node.stop() }
        return try result.get()
    }

    private static func use(of node: DemoNode, count: Int) async throws -> Use {
        let kernels = node.processes(running: "gate-kernel")
        guard let kernel = kernels.first, kernels.count == 1 else {
            throw DemoNode.Failure("the node has not one kernel worker but \(kernels.count)")
        }
        let dialler = try await BenchDialler(BenchIdentity())
        let key = try StaticKey()
        let address = try SocketAddress(ipAddress: node.peerEndpoint.host, port: Int(node.peerEndpoint.port))
        func dial(_ count: Int) async throws {
            for _ in 0..<count {
                _ = try await dialler.dial(node.uuid, at: address, as: BenchIdentity.credentials(with: key)).get()
            }
            try await Task.sleep(for: settleTime)
        }
        func resident(_ process: Int32) -> Double { Double(ProcessCost.of(process: process)?.residentBytes ?? 0) }

        try await dial(sessionsBefore)
        let before = (kernel: resident(kernel), own: resident(getpid()))
        try await dial(count)
        let after = (kernel: resident(kernel), own: resident(getpid()))
        await dialler.stop()
        return Use(
            kernel: (after.kernel - before.kernel) / Double(count), initiator: (after.own - before.own) / Double(count))
    }
}
