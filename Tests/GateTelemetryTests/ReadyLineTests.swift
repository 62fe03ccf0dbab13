import Testing

@testable import GateTelemetry

@Suite struct ReadyLineTests {
    @Test(arguments: [[:], ["link": "[::1]:7710"], ["a": "1", "b": "", "c": "x y"]])
    func `a line reads back as what was written`(fields: [String: String]) {
        #expect(ReadyLine(line: ReadyLine(fields).line) == ReadyLine(fields))
    }

    @Test func `the line is JSON after the word`() {
        #expect(ReadyLine(["b": "2", "a": "1"]).line == #"ready {"a":"1","b":"2"}"#)
    }

    @Test func `quotes and control characters cannot break the line`() {
        #expect(ReadyLine(["a": "x\"\n\\y"]).line == #"ready {"a":"xy"}"#)
    }

    @Test(arguments: [
        "", "ready", "ready ", "already {}", "ready {", #"ready {"a"}"#, #"ready {"a":"b""#, #"ready "a""#,
    ])
    func `anything else is no ready line`(line: String) {
        #expect(ReadyLine(line: line) == nil)
    }
}
