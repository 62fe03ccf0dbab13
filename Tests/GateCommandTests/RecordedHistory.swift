@testable import GateCommand

/// What a session of `bench history` left in the journals: five takeovers, two of them by a worker that had been the
/// session's before, and what workers still sent after they had been superseded. Pieces that followed each other are one
/// line, and most messages are left out.
enum RecordedHistory {
    static let peer = """
        refused 871c2832-afc0-6b08-f400-0ba5229fff00 0 embedded-1 event 5
        took 871c2832-afc0-6b08-f400-0ba5229fff00 0 embedded-1 event 1
        took 871c2832-afc0-6b08-f400-0ba5229fff00 0 embedded-1 bytes 3c4fdf55f132aa4e-1 0 4000
        took 871c2832-afc0-6b08-f400-0ba5229fff00 0 embedded-1 event 2
        refused 871c2832-afc0-6b08-f400-0ba5229fff00 1 embedded-1 event 5
        took 871c2832-afc0-6b08-f400-0ba5229fff00 1 embedded-1 event 3
        took 871c2832-afc0-6b08-f400-0ba5229fff00 1 embedded-1 bytes 3c4fdf55f132aa4e-1 4000 76000
        took 871c2832-afc0-6b08-f400-0ba5229fff00 1 embedded-1 event 2
        refused 871c2832-afc0-6b08-f400-0ba5229fff00 2 embedded-1 event 5
        took 871c2832-afc0-6b08-f400-0ba5229fff00 2 embedded-1 event 3
        took 871c2832-afc0-6b08-f400-0ba5229fff00 2 embedded-1 bytes 3c4fdf55f132aa4e-1 80000 108000
        took 871c2832-afc0-6b08-f400-0ba5229fff00 2 embedded-1 message 2:33
        took 871c2832-afc0-6b08-f400-0ba5229fff00 2 embedded-1 bytes 3c4fdf55f132aa4e-1 188000 80000
        took 871c2832-afc0-6b08-f400-0ba5229fff00 2 embedded-1 event 2
        refused 871c2832-afc0-6b08-f400-0ba5229fff00 3 embedded-1 event 5
        took 871c2832-afc0-6b08-f400-0ba5229fff00 3 embedded-1 event 3
        took 871c2832-afc0-6b08-f400-0ba5229fff00 3 embedded-1 bytes 3c4fdf55f132aa4e-1 268000 30000
        took 871c2832-afc0-6b08-f400-0ba5229fff00 3 embedded-1 event 2
        refused 871c2832-afc0-6b08-f400-0ba5229fff00 4 embedded-1 event 5
        took 871c2832-afc0-6b08-f400-0ba5229fff00 4 embedded-1 event 3
        took 871c2832-afc0-6b08-f400-0ba5229fff00 4 embedded-1 bytes 3c4fdf55f132aa4e-1 298000 70000
        took 871c2832-afc0-6b08-f400-0ba5229fff00 4 embedded-1 message 2:63
        took 871c2832-afc0-6b08-f400-0ba5229fff00 4 embedded-1 bytes 3c4fdf55f132aa4e-1 368000 82000
        sent 3c4fdf55f132aa4e-1 450000
        took 871c2832-afc0-6b08-f400-0ba5229fff00 4 embedded-1 finished 3c4fdf55f132aa4e-1
        took 871c2832-afc0-6b08-f400-0ba5229fff00 4 embedded-1 bytes 3c4fdf55f132aa4e-2 0 38000
        took 871c2832-afc0-6b08-f400-0ba5229fff00 4 embedded-1 message 2:83
        took 871c2832-afc0-6b08-f400-0ba5229fff00 4 embedded-1 bytes 3c4fdf55f132aa4e-2 38000 120000
        took 871c2832-afc0-6b08-f400-0ba5229fff00 4 embedded-1 message 2:103
        took 871c2832-afc0-6b08-f400-0ba5229fff00 4 embedded-1 bytes 3c4fdf55f132aa4e-2 158000 56000
        took 871c2832-afc0-6b08-f400-0ba5229fff00 4 embedded-1 event 2
        refused 871c2832-afc0-6b08-f400-0ba5229fff00 5 embedded-1 event 5
        took 871c2832-afc0-6b08-f400-0ba5229fff00 5 embedded-1 event 3
        took 871c2832-afc0-6b08-f400-0ba5229fff00 5 embedded-1 bytes 3c4fdf55f132aa4e-2 214000 124000
        took 871c2832-afc0-6b08-f400-0ba5229fff00 5 embedded-1 message 2:134
        took 871c2832-afc0-6b08-f400-0ba5229fff00 5 embedded-1 bytes 3c4fdf55f132aa4e-2 338000 76000
        sent 3c4fdf55f132aa4e-2 414000
        took 871c2832-afc0-6b08-f400-0ba5229fff00 5 embedded-1 finished 3c4fdf55f132aa4e-2
        """

    static let replica1 = """
        took 871c2832-afc0-6b08-f400-0ba5229fff00 0 kernel-4 event 1
        took 871c2832-afc0-6b08-f400-0ba5229fff00 0 kernel-4 event 5
        took 871c2832-afc0-6b08-f400-0ba5229fff00 0 kernel-4 event 2
        took 871c2832-afc0-6b08-f400-0ba5229fff00 1 kernel-4 event 3
        took 871c2832-afc0-6b08-f400-0ba5229fff00 1 kernel-4 event 5
        took 871c2832-afc0-6b08-f400-0ba5229fff00 2 kernel-1 event 3
        took 871c2832-afc0-6b08-f400-0ba5229fff00 2 kernel-1 event 5
        refused 871c2832-afc0-6b08-f400-0ba5229fff00 1 kernel-4 message 2:15
        refused 871c2832-afc0-6b08-f400-0ba5229fff00 1 kernel-4 event 2
        took 871c2832-afc0-6b08-f400-0ba5229fff00 3 kernel-3 event 3
        took 871c2832-afc0-6b08-f400-0ba5229fff00 3 kernel-3 event 5
        took 871c2832-afc0-6b08-f400-0ba5229fff00 4 kernel-4 event 3
        took 871c2832-afc0-6b08-f400-0ba5229fff00 4 kernel-4 event 5
        refused 871c2832-afc0-6b08-f400-0ba5229fff00 3 kernel-3 message 2:53
        refused 871c2832-afc0-6b08-f400-0ba5229fff00 3 kernel-3 event 2
        took 871c2832-afc0-6b08-f400-0ba5229fff00 4 kernel-4 opened 3c4fdf55f132aa4e-2
        took 871c2832-afc0-6b08-f400-0ba5229fff00 4 kernel-4 bytes 3c4fdf55f132aa4e-2 0 104000
        took 871c2832-afc0-6b08-f400-0ba5229fff00 4 kernel-4 message 2:94
        took 871c2832-afc0-6b08-f400-0ba5229fff00 4 kernel-4 bytes 3c4fdf55f132aa4e-2 104000 110000
        took 871c2832-afc0-6b08-f400-0ba5229fff00 5 kernel-1 event 3
        took 871c2832-afc0-6b08-f400-0ba5229fff00 5 kernel-1 event 5
        took 871c2832-afc0-6b08-f400-0ba5229fff00 5 kernel-1 bytes 3c4fdf55f132aa4e-2 214000 82000
        refused 871c2832-afc0-6b08-f400-0ba5229fff00 4 kernel-4 bytes 3c4fdf55f132aa4e-2 296000 58000
        refused 871c2832-afc0-6b08-f400-0ba5229fff00 4 kernel-4 event 2
        took 871c2832-afc0-6b08-f400-0ba5229fff00 5 kernel-1 bytes 3c4fdf55f132aa4e-2 296000 12000
        took 871c2832-afc0-6b08-f400-0ba5229fff00 5 kernel-1 message 2:129
        took 871c2832-afc0-6b08-f400-0ba5229fff00 5 kernel-1 bytes 3c4fdf55f132aa4e-2 308000 106000
        took 871c2832-afc0-6b08-f400-0ba5229fff00 5 kernel-1 finished 3c4fdf55f132aa4e-2
        """

    static let replica2 = """
        took 871c2832-afc0-6b08-f400-0ba5229fff00 0 kernel-4 event 1
        took 871c2832-afc0-6b08-f400-0ba5229fff00 0 kernel-4 event 5
        took 871c2832-afc0-6b08-f400-0ba5229fff00 0 kernel-4 opened 3c4fdf55f132aa4e-1
        took 871c2832-afc0-6b08-f400-0ba5229fff00 0 kernel-4 bytes 3c4fdf55f132aa4e-1 0 62000
        took 871c2832-afc0-6b08-f400-0ba5229fff00 0 kernel-4 event 2
        took 871c2832-afc0-6b08-f400-0ba5229fff00 1 kernel-4 event 3
        took 871c2832-afc0-6b08-f400-0ba5229fff00 1 kernel-4 event 5
        took 871c2832-afc0-6b08-f400-0ba5229fff00 1 kernel-4 bytes 3c4fdf55f132aa4e-1 62000 18000
        took 871c2832-afc0-6b08-f400-0ba5229fff00 2 kernel-1 event 3
        took 871c2832-afc0-6b08-f400-0ba5229fff00 2 kernel-1 event 5
        took 871c2832-afc0-6b08-f400-0ba5229fff00 2 kernel-1 bytes 3c4fdf55f132aa4e-1 80000 126000
        refused 871c2832-afc0-6b08-f400-0ba5229fff00 1 kernel-4 bytes 3c4fdf55f132aa4e-1 206000 58000
        refused 871c2832-afc0-6b08-f400-0ba5229fff00 1 kernel-4 event 2
        took 871c2832-afc0-6b08-f400-0ba5229fff00 2 kernel-1 bytes 3c4fdf55f132aa4e-1 206000 62000
        took 871c2832-afc0-6b08-f400-0ba5229fff00 3 kernel-3 event 3
        took 871c2832-afc0-6b08-f400-0ba5229fff00 3 kernel-3 event 5
        took 871c2832-afc0-6b08-f400-0ba5229fff00 3 kernel-3 bytes 3c4fdf55f132aa4e-1 268000 30000
        took 871c2832-afc0-6b08-f400-0ba5229fff00 4 kernel-4 event 3
        took 871c2832-afc0-6b08-f400-0ba5229fff00 4 kernel-4 event 5
        took 871c2832-afc0-6b08-f400-0ba5229fff00 4 kernel-4 bytes 3c4fdf55f132aa4e-1 298000 92000
        refused 871c2832-afc0-6b08-f400-0ba5229fff00 3 kernel-3 bytes 3c4fdf55f132aa4e-1 390000 46000
        refused 871c2832-afc0-6b08-f400-0ba5229fff00 3 kernel-3 message 2:59
        refused 871c2832-afc0-6b08-f400-0ba5229fff00 3 kernel-3 bytes 3c4fdf55f132aa4e-1 390000 12000
        refused 871c2832-afc0-6b08-f400-0ba5229fff00 3 kernel-3 event 2
        took 871c2832-afc0-6b08-f400-0ba5229fff00 4 kernel-4 bytes 3c4fdf55f132aa4e-1 390000 60000
        took 871c2832-afc0-6b08-f400-0ba5229fff00 4 kernel-4 finished 3c4fdf55f132aa4e-1
        took 871c2832-afc0-6b08-f400-0ba5229fff00 4 kernel-4 message 2:110
        took 871c2832-afc0-6b08-f400-0ba5229fff00 5 kernel-1 event 3
        took 871c2832-afc0-6b08-f400-0ba5229fff00 5 kernel-1 event 5
        refused 871c2832-afc0-6b08-f400-0ba5229fff00 4 kernel-4 event 2
        """

    static let database = """
        INSERT|871c2832-afc0-6b08-f400-0ba5229fff00|||0|kernel-4
        UPDATE|871c2832-afc0-6b08-f400-0ba5229fff00|0|kernel-4|0|kernel-4
        UPDATE|871c2832-afc0-6b08-f400-0ba5229fff00|0|kernel-4|1|kernel-4
        UPDATE|871c2832-afc0-6b08-f400-0ba5229fff00|1|kernel-4|1|kernel-4
        UPDATE|871c2832-afc0-6b08-f400-0ba5229fff00|1|kernel-4|2|kernel-1
        UPDATE|871c2832-afc0-6b08-f400-0ba5229fff00|2|kernel-1|2|kernel-1
        REFUSED|871c2832-afc0-6b08-f400-0ba5229fff00|2|kernel-1|1|kernel-4
        UPDATE|871c2832-afc0-6b08-f400-0ba5229fff00|2|kernel-1|3|kernel-3
        UPDATE|871c2832-afc0-6b08-f400-0ba5229fff00|3|kernel-3|3|kernel-3
        UPDATE|871c2832-afc0-6b08-f400-0ba5229fff00|3|kernel-3|4|kernel-4
        UPDATE|871c2832-afc0-6b08-f400-0ba5229fff00|4|kernel-4|4|kernel-4
        REFUSED|871c2832-afc0-6b08-f400-0ba5229fff00|4|kernel-4|3|kernel-3
        UPDATE|871c2832-afc0-6b08-f400-0ba5229fff00|4|kernel-4|4|kernel-4
        UPDATE|871c2832-afc0-6b08-f400-0ba5229fff00|4|kernel-4|5|kernel-1
        UPDATE|871c2832-afc0-6b08-f400-0ba5229fff00|5|kernel-1|5|kernel-1
        REFUSED|871c2832-afc0-6b08-f400-0ba5229fff00|5|kernel-1|4|kernel-4
        UPDATE|871c2832-afc0-6b08-f400-0ba5229fff00|5|kernel-1|5|kernel-1
        """
}
