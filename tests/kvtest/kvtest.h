/* kvtest - the rooms of lib as tests call them: `kvtest ROOM [ARGUMENT...]`, one program for all.
 *
 * Each file of this folder is one of its commands, named after a room or a part of one: usually a filter that
 * takes a case a line and answers with a line. A command is called as a main() would be, with its own
 * name as argv[0]. A new one is a file here and a row in kvtest.c.
 */
#ifndef KVTEST_H
#define KVTEST_H

int kvtest_benchmark(int argc, char **argv);
int kvtest_call(int argc, char **argv);
int kvtest_cli(int argc, char **argv);
int kvtest_config(int argc, char **argv);
int kvtest_facts(int argc, char **argv);
int kvtest_http(int argc, char **argv);
int kvtest_json(int argc, char **argv);
int kvtest_judge(int argc, char **argv);
int kvtest_model(int argc, char **argv);
int kvtest_pipeline(int argc, char **argv);
int kvtest_price(int argc, char **argv);
int kvtest_python(int argc, char **argv);
int kvtest_report(int argc, char **argv);
int kvtest_result(int argc, char **argv);
int kvtest_rows(int argc, char **argv);
int kvtest_sched(int argc, char **argv);
int kvtest_state(int argc, char **argv);
int kvtest_stream(int argc, char **argv);
int kvtest_template(int argc, char **argv);
int kvtest_workers(int argc, char **argv);

#endif
