/* commit.pml - the commit protocol of two growing documents (lib/file/README.md), for spin.
 *
 * Two writers add rows, each a bit, to a first document T (the rows) and a second one S (their
 * keys). A writer may be killed at each step; the power may fail at each step; somebody puts an
 * edited copy in the place of T while no writer is at work; a reader opens a document at any instant
 * and holds it as long as it likes.
 *
 * A file is its content (rows, and EDIT if its beginning was edited), whether a writer is in the
 * middle of it (torn), whether not all of it is on the medium (dirty), and whether the record in the
 * lock file names it exactly as it is (member): any write makes it another file for the record. Of
 * the names, the medium has those of some moment since the directory was last synced.
 *
 * What must hold, in every state of every execution:
 *   whole     a document that anybody opens is complete, and never changes while it is open
 *   within    S names no row that T has not
 *   kept      what was acknowledged is in both, after kills and power cuts too
 *   healed    after a commit S names every row that T has
 *   edited    an edit is not undone by a later commit
 *
 * Each protection of lib/file/doc_commit.c can be left out: -DNO_LOCK, NO_LEASE, NO_RECORD,
 * NO_SYNC_FIRST, NO_SYNC_SECOND, NO_SYNC_NAMES, NO_SYNC_BEFORE, SECOND_FIRST, NO_HEAL. tests/model/run
 * has spin find, for each of them, an execution that breaks what must hold, and without any of them
 * that there is none. -DCUTS and -DKILLS bound how often; -DREADER=T or S and -DEDITOR add those.
 */
#define T 0
#define S 1
#define VISIBLE 0
#define SPARE 1
#define NONE 0
#define FILES 5 /* for each document, numbered from 1 */
#define ROWS 3  /* the two bits of rows */
#define EDIT 4

#ifndef CUTS
#define CUTS 1
#endif
#ifndef KILLS
#define KILLS 2
#endif

#ifdef SECOND_FIRST
#define FIRST S
#define SECOND T
#else
#define FIRST T
#define SECOND S
#endif

typedef doc {
	byte name[2];            /* VISIBLE, SPARE: a file, or NONE */
	byte named[2];           /* the same on the medium */
	byte content[FILES + 1];
	bit torn[FILES + 1];
	bit dirty[FILES + 1];
	bit member[FILES + 1];
	bit leased[FILES + 1];
	byte open[FILES + 1];    /* readers that have it open */
}
doc d[2];

/* Changes of names since the directory was synced, oldest first, each by what it made. */
typedef change { byte t[2]; byte s[2]; }
change journal[4];
byte changes;

hidden byte f, k; /* within one step */
bool locked, record_durable;
byte acked, edited, cuts, kills;
byte boot; /* grows with every power cut: processes of before are gone */

inline note_change()
{
	if
	:: changes < 4 ->
		journal[changes].t[0] = d[T].name[0]; journal[changes].t[1] = d[T].name[1];
		journal[changes].s[0] = d[S].name[0]; journal[changes].s[1] = d[S].name[1];
		changes++
	:: else -> /* the oldest one is on the medium by now */
		d[T].named[0] = journal[0].t[0]; d[T].named[1] = journal[0].t[1];
		d[S].named[0] = journal[0].s[0]; d[S].named[1] = journal[0].s[1];
		k = 0;
		do
		:: k < 3 ->
			journal[k].t[0] = journal[k+1].t[0]; journal[k].t[1] = journal[k+1].t[1];
			journal[k].s[0] = journal[k+1].s[0]; journal[k].s[1] = journal[k+1].s[1]; k++
		:: else -> break
		od;
		journal[3].t[0] = d[T].name[0]; journal[3].t[1] = d[T].name[1];
		journal[3].s[0] = d[S].name[0]; journal[3].s[1] = d[S].name[1]
	fi
}

/* What nobody can reach any more is as good as never written: fewer states. */
inline forget(i_)
{
	k = 1;
	do
	:: k <= FILES ->
		if
		:: d[i_].name[0] != k && d[i_].name[1] != k && d[i_].open[k] == 0 ->
			d[i_].content[k] = 0; d[i_].torn[k] = 0; d[i_].dirty[k] = 0;
			d[i_].member[k] = 0; d[i_].leased[k] = 0
		:: else
		fi;
		k++
	:: else -> break
	od;
	k = 0
}

inline sync_names()
{
	d[T].named[0] = d[T].name[0]; d[T].named[1] = d[T].name[1];
	d[S].named[0] = d[S].name[0]; d[S].named[1] = d[S].name[1];
	changes = 0;
	forget(T);
	forget(S)
}


/* Is file f of document i named, on the medium or in what is on its way there? */
#define is_named(i, f) (d[i].name[0] == f || d[i].name[1] == f || d[i].named[0] == f || \
	d[i].named[1] == f || \
	(changes > 0 && (i == T -> (journal[0].t[0] == f || journal[0].t[1] == f) : (journal[0].s[0] == f || journal[0].s[1] == f))) || \
	(changes > 1 && (i == T -> (journal[1].t[0] == f || journal[1].t[1] == f) : (journal[1].s[0] == f || journal[1].s[1] == f))) || \
	(changes > 2 && (i == T -> (journal[2].t[0] == f || journal[2].t[1] == f) : (journal[2].s[0] == f || journal[2].s[1] == f))) || \
	(changes > 3 && (i == T -> (journal[3].t[0] == f || journal[3].t[1] == f) : (journal[3].s[0] == f || journal[3].s[1] == f))))

/* A number that is free. */
inline new_file(i)
{
	f = 1;
	do
	:: f < FILES && (is_named(i, f) || d[i].open[f] > 0) -> f++
	:: else -> break
	od;
	assert(!is_named(i, f) && d[i].open[f] == 0) /* FILES is enough */
}

/* ---- a writer ---- */

/* Killed: the kernel gives back its lock and its leases. */
#define MAY_DIE :: kills < KILLS -> goto killed
#define ALIVE (born == boot)

proctype Writer(byte row)
{
	byte i, base_t, base_s, born;
	byte fresh[2];
	bit copied[2];

again:
	atomic { born = boot; fresh[T] = NONE; fresh[S] = NONE; copied[T] = 0; copied[S] = 0 }

	/* 1: the lock */
#ifndef NO_LOCK
	atomic { !locked -> locked = true; born = boot }
#endif
	/* 2: what is visible now, and what S lacks of it */
	if
	:: atomic { ALIVE -> base_t = d[T].name[VISIBLE]; base_s = d[S].name[VISIBLE] }
	:: !ALIVE -> goto again
	fi;

	/* 3: the exchange of a writer that was killed, before the file it hid is written to */
	do
	:: atomic { ALIVE ->
#ifndef NO_SYNC_BEFORE
		if :: !record_durable -> sync_names() :: else fi;
#endif
		break }
	MAY_DIE
	:: !ALIVE -> goto again
	od;

	/* 4 and 5: a spare of each is chosen, leased, brought up to date, given back */
	i = T;
	do
	:: i <= S && ALIVE ->
		do
		:: atomic { ALIVE ->
			f = d[i].name[SPARE];
			if
#ifdef NO_LEASE
			:: f != NONE && (d[i].member[f] && d[i].member[d[i].name[VISIBLE]]) ->
				skip
#else
#ifdef NO_RECORD
			:: f != NONE && d[i].open[f] == 0 && f != d[i].name[VISIBLE] ->
				d[i].leased[f] = 1
#else
			:: f != NONE && d[i].member[f] && d[i].member[d[i].name[VISIBLE]] && d[i].open[f] == 0 ->
				d[i].leased[f] = 1
#endif
#endif
			:: else -> /* none that is known: an empty file in its place */
				if
				:: f != NONE -> d[i].name[SPARE] = NONE; d[i].member[f] = 0; note_change()
				:: else
				fi;
				new_file(i);
				d[i].name[SPARE] = f; d[i].content[f] = 0; d[i].torn[f] = 1; d[i].dirty[f] = 1;
				d[i].member[f] = 0; d[i].leased[f] = 0; copied[i] = 1;
				note_change()
			fi;
			fresh[i] = f; break }
		MAY_DIE
		:: !ALIVE -> goto again
		od;
		do
		:: atomic { ALIVE -> f = fresh[i]; d[i].torn[f] = 1; d[i].dirty[f] = 1; d[i].member[f] = 0; break }
		MAY_DIE
		:: !ALIVE -> goto again
		od;
		do
		:: atomic { ALIVE -> f = fresh[i];
			k = (i == T -> base_t : base_s);
			if /* of a known one the beginning stays, and what is behind it is written over */
			:: copied[i] -> d[i].content[f] = d[i].content[k] | row
			:: else -> d[i].content[f] = (d[i].content[f] & EDIT) | (d[i].content[k] & ROWS) | row
			fi;
#ifndef NO_HEAL
			if :: i == S -> d[S].content[f] = d[S].content[f] | (d[T].content[base_t] & ROWS) :: else fi;
#endif
			d[i].torn[f] = 0; d[i].leased[f] = 0; break }
		MAY_DIE
		:: !ALIVE -> goto again
		od;
		i++
	:: i <= S && !ALIVE -> goto again
	:: i > S -> break
	od;

	/* 6: the record names them, not durable */
	do
	:: atomic { ALIVE ->
		f = 1;
		do
		:: f <= FILES ->
			d[T].member[f] = (f == fresh[T] || f == base_t); d[S].member[f] = (f == fresh[S] || f == base_s);
			f++
		:: else -> break
		od;
		record_durable = false; break }
	MAY_DIE
	:: !ALIVE -> goto again
	od;

	/* 7: their content is on the medium */
#ifndef NO_SYNC_FIRST
	do
	:: atomic { ALIVE -> d[T].dirty[fresh[T]] = 0; break }
	MAY_DIE
	:: !ALIVE -> goto again
	od;
#endif
#ifndef NO_SYNC_SECOND
	do
	:: atomic { ALIVE -> d[S].dirty[fresh[S]] = 0; break }
	MAY_DIE
	:: !ALIVE -> goto again
	od;
#endif
	/* a version of unknown origin becomes a spare that later commits believe */
	if
	:: atomic { ALIVE -> d[T].dirty[base_t] = 0; d[S].dirty[base_s] = 0 }
	:: !ALIVE -> goto again
	fi;

	/* 8: the names change places, T first */
	do
	:: atomic { ALIVE ->
		f = d[FIRST].name[VISIBLE]; d[FIRST].name[VISIBLE] = d[FIRST].name[SPARE]; d[FIRST].name[SPARE] = f;
		note_change(); break }
	MAY_DIE
	:: !ALIVE -> goto again
	od;
	do
	:: atomic { ALIVE ->
		f = d[SECOND].name[VISIBLE]; d[SECOND].name[VISIBLE] = d[SECOND].name[SPARE]; d[SECOND].name[SPARE] = f;
		note_change(); break }
	MAY_DIE
	:: !ALIVE -> goto again
	od;

	/* 9: so are the names */
#ifndef NO_SYNC_NAMES
	do
	:: atomic { ALIVE -> sync_names(); break }
	MAY_DIE
	:: !ALIVE -> goto again
	od;
#endif

	/* 10: the record is durable; acknowledged */
	do
	:: atomic { ALIVE -> record_durable = true; break }
	MAY_DIE
	:: !ALIVE -> goto again
	od;
	do
	:: atomic { ALIVE ->
		acked = acked | row;
		assert((d[T].content[d[T].name[VISIBLE]] & ~d[S].content[d[S].name[VISIBLE]] & ROWS) == 0);
		locked = false;
		goto done }
	:: !ALIVE -> goto again
	od;

killed:
	atomic {
		if
		:: ALIVE && kills < KILLS ->
			kills++;
#ifndef NO_LOCK
			locked = false;
#endif
			if :: fresh[T] != NONE -> d[T].leased[fresh[T]] = 0 :: else fi;
			if :: fresh[S] != NONE -> d[S].leased[fresh[S]] = 0 :: else fi
		:: else
		fi;
		goto again
	}
done:
	atomic { i = 0; base_t = 0; base_s = 0; born = 0; fresh[T] = 0; fresh[S] = 0; copied[T] = 0; copied[S] = 0 }
}

/* ---- everybody else ---- */

/* Opens a document and reads it again whenever it likes. open(2) waits while the file is leased. */
proctype Reader(byte i)
{
	byte f_, seen, born;
	do
	:: atomic { f_ = d[i].name[VISIBLE]; f_ != NONE && !d[i].leased[f_] ->
		born = boot; d[i].open[f_]++; seen = d[i].content[f_]; assert(!d[i].torn[f_]) };
		do
		:: atomic { born == boot -> assert(!d[i].torn[f_] && d[i].content[f_] == seen); d[i].open[f_]--; break }
		:: born != boot -> break
		od;
		break
	od
}

/* Puts an edited copy in the place of T, once, while no writer is at work, and syncs it. */
proctype Editor()
{
	atomic { !locked && !edited ->
		new_file(T);
		d[T].content[f] = d[T].content[d[T].name[VISIBLE]] | EDIT;
		d[T].torn[f] = 0; d[T].dirty[f] = 0; d[T].member[f] = 0; d[T].leased[f] = 0;
		d[T].name[VISIBLE] = f;
		sync_names();
		edited = EDIT }
}

/* The power fails: names are those after some change, what was not synced is whole or garbage. */
proctype Power()
{
	byte i;
	do
	:: atomic { cuts < CUTS ->
		cuts++; boot++;
		k = 0;
		do
		:: k < changes -> k++
		:: break
		od;
		if
		:: k == 0 -> d[T].name[0] = d[T].named[0]; d[T].name[1] = d[T].named[1];
			d[S].name[0] = d[S].named[0]; d[S].name[1] = d[S].named[1]
		:: else -> d[T].name[0] = journal[k-1].t[0]; d[T].name[1] = journal[k-1].t[1];
			d[S].name[0] = journal[k-1].s[0]; d[S].name[1] = journal[k-1].s[1]
		fi;
		sync_names();
		i = T;
		do
		:: i <= S ->
			f = 1;
			do
			:: f <= FILES ->
				if
				:: d[i].dirty[f] -> d[i].torn[f] = 1
				:: d[i].dirty[f] && !d[i].torn[f]
				:: else
				fi;
				d[i].dirty[f] = 0; d[i].leased[f] = 0; d[i].open[f] = 0;
				if :: !record_durable -> d[i].member[f] = 0 :: else fi;
				f++
			:: else -> break
			od;
			i++
		:: else -> break
		od;
		locked = false; record_durable = false
	}
	:: break
	od
}

#define VT d[T].name[VISIBLE]
#define VS d[S].name[VISIBLE]

proctype Observer()
{
	do
	:: atomic {
		assert(VT != NONE && VS != NONE);
		assert(!d[T].torn[VT] && !d[S].torn[VS]);
		assert((d[S].content[VS] & ~d[T].content[VT] & ROWS) == 0);
		assert((acked & ~(d[T].content[VT] & d[S].content[VS])) == 0);
		assert((edited & ~d[T].content[VT]) == 0);
		break
	}
	od
}

init {
	atomic {
		d[T].name[VISIBLE] = 1; d[T].name[SPARE] = 2; d[S].name[VISIBLE] = 1; d[S].name[SPARE] = 2;
		d[T].member[1] = 1; d[T].member[2] = 1; d[S].member[1] = 1; d[S].member[2] = 1;
		record_durable = true;
		sync_names();
		run Writer(1); run Writer(2); run Observer();
#ifdef READER
		run Reader(READER);
#endif
#ifdef EDITOR
		run Editor();
#endif
#if CUTS > 0
		run Power();
#endif
		skip
	}
}
