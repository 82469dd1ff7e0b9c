// Takes octet-counted records on standard input, and writes an object of JSON for each: whether
// go-syslog, in its strict mode, accepts it as RFC 5424, and what it finds in it. README.md tells
// how it is built.
package main

import (
	"bufio"
	"encoding/json"
	"strconv"
	"io"
	"os"

	"github.com/influxdata/go-syslog/v2/rfc5424"
)

func main() {
	in := bufio.NewReader(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	p := rfc5424.NewParser()
	for {
		var n int
		text, err := in.ReadString(' ')
		if err != nil {
			return
		}
		if n, err = strconv.Atoi(text[:len(text)-1]); err != nil {
			panic(err)
		}
		data := make([]byte, n)
		if _, err := io.ReadFull(in, data); err != nil {
			panic(err)
		}
		m, err := p.Parse(data)
		r := map[string]interface{}{"ok": err == nil}
		if err != nil {
			r["error"] = err.Error()
		} else {
			s := m.(*rfc5424.SyslogMessage)
			r["pri"] = s.Priority()
			r["version"] = s.Version()
			r["host"] = s.Hostname()
			r["app"] = s.Appname()
			r["proc"] = s.ProcID()
			r["msgid"] = s.MsgID()
			r["sd"] = s.StructuredData()
			if s.Message() != nil {
				r["msg"] = []byte(*s.Message())
			}
		}
		b, _ := json.Marshal(r)
		out.Write(b)
		out.WriteByte('\n')
	}
}
