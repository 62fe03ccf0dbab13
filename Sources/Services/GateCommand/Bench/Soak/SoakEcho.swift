import GateExtenderKit
import GateModel
import GateSettings
import GateTelemetry
import Logging
import NIOCore
import NIOPosix

/// The extender of the node under test: sends back what comes, on streams and in messages.
struct SoakEcho: Extender {
    static let extender = ExtenderID(UUIDBytes(high: 0x7367_f0a1_5d02_4c11, low: 0x9a6e_2b77_8d10_4e5b))
    static let label = "soak"

    var id: ExtenderID { SoakEcho.extender }
    var name: String { SoakEcho.label }

    func opened(_ stream: PeerStream) async throws {
        for try await bytes in stream.bytes { try await stream.write(bytes) }
        stream.finish()
    }

    func received(_ message: PeerMessage) async { try? await message.session.send(message.payload) }

    /// Serves a replica of an extender under one of a node's credentials until standard input ends.
    static func serve(
        _ extender: any Extender, folder: String, name: String,
        obey other: @escaping @Sendable ([Substring]) -> Void = { _ in }
    ) async throws {
        let settings = try await LocalSettings.load(directory: folder)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let service = try ExtenderService(
            extender: extender,
            location: NodeLocation(
                credentialFolder: settings.credentialDirectory(name), database: settings.database.link),
            group: group, logger: Logger(label: "soak") { _ in SwiftLogNoOpLogHandler() })
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try? await service.run() }
            tasks.addTask {
                await service.attached()
                ReadyLine(["extender": "\(SoakEcho.extender)"]).printNow()
            }
            await BenchEndCommand.obey(other)
            tasks.cancelAll()
        }
    }
}
