import Foundation
package import GateModel

extension UnixTime {
    /// The system's calendar, which certificates are judged by.
    package static func now() -> UnixTime { UnixTime(Date()) }

    init(_ date: Date) { self.init(seconds: Int64(date.timeIntervalSince1970.rounded(.down))) }

    var date: Date { Date(timeIntervalSince1970: TimeInterval(seconds)) }
}
