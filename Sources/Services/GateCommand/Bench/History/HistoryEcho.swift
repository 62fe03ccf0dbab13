import GateExtenderKit
import GateModel

/// ``SoakEcho`` with a journal.
struct HistoryEcho: WitnessedExtender {
    let journal: HistoryJournal
    private let echo = SoakEcho()

    init(journal: HistoryJournal) { self.journal = journal }

    var id: ExtenderID { echo.id }
    var name: String { echo.name }
    var witness: any AcceptanceWitness { journal }

    func opened(_ stream: PeerStream) async throws { try await echo.opened(stream) }

    func received(_ message: PeerMessage) async { await echo.received(message) }

    /// Serves a replica until standard input ends; `flush` has it write its journal down.
    static func serve(folder: String, name: String, journal path: String) async throws {
        let journal = try HistoryJournal(path: path)
        try await SoakEcho.serve(HistoryEcho(journal: journal), folder: folder, name: name) { words in
            guard words == ["flush"] else { return }
            journal.flush()
            BenchEndCommand.say("flushed")
        }
    }
}
