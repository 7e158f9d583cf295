package ios

import "testing"

func TestParseImageName(t *testing.T) {
	for name, want := range map[string]ImageName{
		"c3500xl-c3h2s-mz.120-5.WC10.bin":                        {"c3500xl", "c3h2s", "12.0(5)WC10", ""},
		"c2950-i6q4l2-mz.121-22.EA4a.bin":                        {"c2950", "i6q4l2", "12.1(22)EA4a", ""},
		"flash:/d/c3750-ipservicesk9-mz.150-2.SE8.bin":           {"c3750", "ipservicesk9", "15.0(2)SE8", ""},
		"c2600-i-mz.122-12e.bin":                                 {"c2600", "i", "12.2(12e)", ""},
		"c2600-ipbase-mz.123-6f.bin":                             {"c2600", "ipbase", "12.3(6f)", ""},
		"c3750-ipservicesk9-tar.122-25.SEE4.tar":                 {"c3750", "ipservicesk9", "12.2(25)SEE4", ""},
		"c3750-i5-mz.121-14.EA1.bin":                             {"c3750", "i5", "12.1(14)EA1", ""},
		"c2900-universalk9-mz.SPA.157-3.M8.bin":                  {"c2900", "universalk9", "15.7(3)M8", "SPA"},
		"c2900-universalk9_npe-mz.SPA.152-4.M1.bin":              {"c2900", "universalk9_npe", "15.2(4)M1", "SPA"},
		"c3900-universalk9-mz.SSA.154-2.1.T":                     {"c3900", "universalk9", "15.4(2.1)T", "SSA"},
		"isr4300-universalk9.16.09.04.SPA.bin":                   {"isr4300", "universalk9", "16.09.04", "SPA"},
		"isr4300-universalk9.03.16.04b.S.155-3.S4b-ext.SPA.bin":  {"isr4300", "universalk9", "15.5(3)S4b", "SPA"},
		"asr1000rp2-advipservicesk9.03.13.09.S.154-3.S9-ext.bin": {"asr1000rp2", "advipservicesk9", "15.4(3)S9", ""},
		"cat4500e-universalk9.SPA.03.04.06.SG.151-2.SG6.bin":     {"cat4500e", "universalk9", "15.1(2)SG6", "SPA"},
		"csr1000v-universalk9.03.12.00.S.154-2.S-std.SPA.bin":    {"csr1000v", "universalk9", "15.4(2)S", "SPA"},
		"cat9k_iosxe.17.09.04a.SPA.bin":                          {"cat9k", "", "17.09.04a", "SPA"},
		"cat9k_lite_iosxe.17.09.05.SPA.bin":                      {"cat9k_lite", "", "17.09.05", "SPA"},
		"cat3k_caa-universalk9.16.06.09.SPA.bin":                 {"cat3k_caa", "universalk9", "16.06.09", "SPA"},
		"cat9k-rpbase.17.09.04a.SPA.pkg":                         {"cat9k", "rpbase", "17.09.04a", "SPA"},
		"disk0:s72033-adventerprisek9_wan-mz.122-18.SXF7":        {"s72033", "adventerprisek9_wan", "12.2(18)SXF7", ""},
		"slot0:c7200-js-mz":                                      {"c7200", "js", "", ""},
		"vios-adventerprisek9-m":                                 {"vios", "adventerprisek9", "", ""},
	} {
		if got, ok := ParseImageName(name); !ok || got != want {
			t.Errorf("%s: %+v %v, want %+v", name, got, ok, want)
		}
	}
	for _, name := range []string{"", "tc8.bin", "ISSUCleanGolden", "switch.bin", "packages.conf", "config.text", "c3750-ipservicesk9-mz.rubbish.bin"} {
		if got, ok := ParseImageName(name); ok {
			t.Errorf("%s is an image name: %+v", name, got)
		}
	}
}

func TestIsPatch(t *testing.T) {
	for name, want := range map[string]bool{
		"flash:cat9k_iosxe.16.09.01.CSCvk69552.SPA.smu.bin": true, "C9800-universalk9_wlc.17.03.05a.CSCwb13784.SPA.apsp.bin": true,
		"utah.bm.smu.may15.bin": true, "dir/x.apdp.bin": true, "cat9k_iosxe.17.09.04a.SPA.bin": false, "smu.bin": false, "x.smu/y.bin": false,
	} {
		if got := IsPatch(name); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
