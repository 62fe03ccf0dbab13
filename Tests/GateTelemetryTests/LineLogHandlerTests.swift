import Logging
import Synchronization
import Testing

@testable import GateTelemetry

@Suite struct LineLogHandlerTests {
    private final class Lines: Sendable {
        private let text = Mutex("")
        func append(_ line: String) { text.withLock { $0 += line } }
        var all: String { text.withLock { $0 } }
    }

    private func line(_ format: LogFormat, _ log: (Logger) -> Void) -> String {
        let lines = Lines()
        let logger = Logger(label: "kernel") { label in
            LineLogHandler(
                label: label, program: "kernel-1", format: format, level: .info,
                now: { WallTime(milliseconds: 1_795_266_131_007) }, write: { lines.append($0) })
        }
        log(logger)
        return lines.all
    }

    @Test func `a text line holds time, level, program, label, message and sorted values`() {
        let text = line(.text) { $0.info("peer connected", metadata: ["b": "two words", "a": "1"]) }
        #expect(text == "2026-11-21T13:02:11.007Z info     kernel-1 kernel: peer connected a=1 b=\"two words\"\n")
    }

    @Test func `a JSON line is one object of strings`() {
        let text = line(.json) { $0.warning("say \"no\"", metadata: ["reason": "a\\b"]) }
        #expect(
            text == #"{"time":"2026-11-21T13:02:11.007Z","level":"warning","program":"kernel-1","label":"kernel","#
                + #""message":"say \"no\"","reason":"a\\b"}"# + "\n")
    }

    @Test func `levels below the threshold are not written`() {
        #expect(line(.text) { $0.debug("quiet") } == "")
    }

    @Test(arguments: ["globalSecret", "password", "psk", "joinToken", "privateKey", "payload"])
    func `the value of a key that names a secret is not written`(key: String) {
        #expect(line(.text) { $0.info("m", metadata: [key: "hunter2"]) }.hasSuffix(" m \(key)=[redacted]\n"))
    }

    @Test func `the path of a secret's file is written`() {
        #expect(line(.text) { $0.info("m", metadata: ["secretFile": "/a"]) }.hasSuffix(" secretFile=/a\n"))
    }

    @Test func `a secret inside a dictionary or array is not written either`() {
        let text = line(.text) { $0.info("m", metadata: ["d": ["token": "hunter2"], "psk": ["hunter2"]]) }
        #expect(!text.contains("hunter2"))
    }

    @Test func `a value cannot begin a line of its own`() {
        let text = line(.text) { $0.info("a\nb", metadata: ["k": "x\n2026 fake \u{1b}[2J"]) }
        #expect(text.filter { $0 == "\n" }.count == 1)
        #expect(!text.contains("\u{1b}"))
    }

    @Test func `a long value is cut`() {
        let text = line(.text) { $0.info("m", metadata: ["k": "\(String(repeating: "x", count: 10_000))"]) }
        #expect(text.utf8.count < LogRedaction.valueBytesMax + 200)
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"), (4_107_542_400_050, "2100-03-01T00:00:00.050Z"),
    ])
    func `times are dates of the Gregorian calendar`(milliseconds: Int64, text: String) {
        #expect(WallTime(milliseconds: milliseconds).description == text)
    }
}
