// Package push makes `git push` a release, exactly: the app's current release is the commit that
// the deploy branch names.
//
// Three hooks of a bare repository share the work. pre-receive builds what was pushed, straight
// from git's quarantine, and registers a pending release. reference-transaction, which git calls
// around each move of refs, promotes it when the branch has moved. post-receive tells the pusher,
// and promotes where git is older than 2.28. A settler, a process that pre-receive starts and that
// outlives the push, ends whatever they could not.
//
// # Why not in pre-receive
//
// pre-receive runs before git decides: a later hook, receive.denyNonFastForwards or another push
// may keep the branch where it is. git runs the pre-receive hooks of several pushes at once. And
// any process may be killed at any instruction.
//
// # Records
//
// A push of a deploy branch has a record, ‹repository›/slugc/pushes/‹id›.json, from before its
// build until it is settled. It is on disk before the registration is sent, with the registration's
// idempotency key, so that the registration can be ended by anyone who finds the record. It names
// the receive-pack, which all three hooks have as an ancestor, by pid, start and boot. What is
// decided about a push is decided under a lock of the repository, with the record read again.
//
// A record is settled in one of two ways. Promoted: the push has moved the branch. Abandoned: it
// has not, and has no process left that could, or its transaction was aborted;
// [release.Releases.Cancel] then ends the registration even if it is still on its way.
//
// # Who moved the branch
//
// That the branch names the push's commit is not enough: another push of the same commit may have
// moved it, and the app may since have been rolled back on purpose. The hook's phase "prepared"
// runs while git holds the lock of the branch, after git has compared its old value, and before it
// moves. There the push notes Prepared. There, too, it first settles all others that touched the
// branch (overtake). So, by induction over the moves of the branch:
//
//   - When the branch is about to move, every push that has moved it before is promoted: promotions
//     come in the order of moves, and the last one wins.
//   - A push that is not Prepared has not moved the branch: without an answer of the hook git
//     aborts.
//   - A push that is Prepared, not marked Aborted, and whose commit the branch names, has moved it.
//     For had its own move failed, the branch would still have the old value, unless another push
//     has moved it since; and that one, in its own prepared phase, has found the branch at the old
//     value and marked this push Aborted. With the files format, a transaction that was killed
//     before its commit has left its lock file, which is seen, and which no other push passes.
//
// To promote twice changes nothing ([release.Releases.Promote]), so a process killed between the
// coordinator's answer and its own note does no harm, and a rollback after a promotion stays. The
// interleavings, each of which a test holds:
//
//   - Killed before the move: nothing is Prepared, or the branch has its old value: abandoned.
//   - Killed after the move: promoted by the settler, or by the next push, at the latest before
//     that moves the branch on.
//   - Two pushes race: one finds the branch moved, before its build or in git's own comparison:
//     abandoned. Of the same commit: likewise, by the mark.
//   - To and fro (x, y, x): every move is promoted before the next.
//   - The coordinator does not answer: before the move, the phase "prepared" aborts it. After it,
//     the settler tries for a day, and the next push is refused until the last one is settled.
//
// Where git does not tell of transactions, that the branch names the commit is all there is, and
// only the case of the same commit is left open. Whoever moves the branch by hand, past
// receive-pack, releases nothing; `slugc hook status` shows it.
//
// # What a killed receive-pack leaves
//
// git does not clean up after a kill -9: the branch's lock file would make every later push fail,
// and the quarantine would stay for ever. Both are known from the record and removed: a lock file
// that was seen when prepared by its inode; one that was made right before the kill if it holds the
// push's commit, or nothing yet, does not change for two seconds, and no other push is about to
// move the branch. A quarantine without a record goes with the next push that is alone in the
// repository.
//
// # Who waits
//
// git goes on when its client has gone (reliability.md 1.1). [Watch] ends the build when the
// receive-pack has ended or nobody reads its output: the other end of its pipe or socket is gone.
// receive.keepAlive=1 has git itself notice within two seconds wherever the kernel may not be
// asked.
package push
